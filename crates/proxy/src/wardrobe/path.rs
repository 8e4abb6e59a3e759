//! Paths that are rewritten, for redirects and for backends alike (`HTTPPathModifier`).

use clearway_model::PathRewrite;

/// The new path. `prefix_len` is how much of `path` the matched prefix covers; without one the whole path is the prefix.
pub(crate) fn rewrite(path: &str, prefix_len: Option<usize>, rewrite: &PathRewrite) -> String {
    match rewrite {
        PathRewrite::Full(full) => full.to_string(),
        PathRewrite::Prefix(prefix) => {
            let rest = path.get(prefix_len.unwrap_or(path.len())..).unwrap_or_default();
            let rest = rest.strip_prefix('/').unwrap_or(rest);
            let head = prefix.strip_suffix('/').unwrap_or(prefix);
            match (head.is_empty(), rest.is_empty()) {
                (true, _) => format!("/{rest}"),
                (false, false) => format!("{head}/{rest}"),
                // The specification's table: `/foo/` keeps its slash, `/foo` gains the replacement as it is written.
                (false, true) if path.ends_with('/') && path.len() > 1 => format!("{head}/"),
                (false, true) => prefix.to_string(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rewrite;
    use clearway_model::PathRewrite;

    #[test]
    fn the_table_of_the_specification_holds() {
        // Request path, matched prefix, replacement, result (HTTPPathModifier.replacePrefixMatch).
        let table = [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "/", "/bar"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/foo", "/foo", "", "/"),
            ("/bar", "/", "/xyz", "/xyz/bar"),
        ];
        for (path, prefix, replacement, want) in table {
            let covered = prefix.strip_suffix('/').unwrap_or(prefix).len();
            let got = rewrite(path, Some(covered), &PathRewrite::Prefix(replacement.into()));
            assert_eq!(got, want, "{path} with {prefix} replaced by {replacement}");
        }
    }

    #[test]
    fn a_full_path_replaces_all() {
        assert_eq!(rewrite("/a/b", Some(2), &PathRewrite::Full("/x".into())), "/x");
    }
}
