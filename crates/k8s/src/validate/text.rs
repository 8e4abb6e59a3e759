//! Syntax of names, hosts, headers, paths and origins. Each function returns the sentence for what is wrong.

/// A host name (RFC 1123, lower case), with `*.` in front where wildcards are allowed.
pub(super) fn hostname(text: &str, wildcard: bool) -> Option<String> {
    let plain = match text.strip_prefix("*.") {
        Some(rest) if wildcard => rest,
        Some(_) => return Some(format!("`{text}` must be one host, without `*`")),
        None => text,
    };
    if plain.parse::<std::net::IpAddr>().is_ok() {
        return Some(format!("`{text}` is an IP address; write a host name"));
    }
    let good = !text.is_empty() && text.len() <= 253 && plain.split('.').all(is_label);
    (!good).then(|| {
        format!("`{text}` is no host name; use lower case letters, digits, `-` and dots, without a port")
    })
}

/// A label of a host name, as DNS can carry it.
fn is_label(label: &str) -> bool {
    label.len() <= 63 && is_part(label)
}

/// A part of a name between dots.
fn is_part(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !label.is_empty() && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// A section name: like a DNS name of at most 253 characters, whose parts may be as long (Gateway API, `SectionName`).
pub(super) fn section_name(text: &str) -> Option<String> {
    let good = text.len() <= 253 && text.split('.').all(is_part);
    (!good).then(|| format!("`{text}` is no name; use lower case letters, digits, `-` and dots"))
}

/// The key of a label or an annotation: a name of at most 63 characters, perhaps behind a DNS name and a slash.
pub(super) fn qualified_name(text: &str) -> Option<String> {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let good =
        !name.is_empty() && is_label_text(name) && prefix.is_none_or(|prefix| section_name(prefix).is_none());
    (!good).then(|| {
        format!("`{text}` is no key; use up to 63 letters, digits, `-`, `_` and dots, perhaps behind domain.example/")
    })
}

/// The value of a label.
pub(super) fn label_value(text: &str) -> Option<String> {
    (!is_label_text(text))
        .then(|| format!("`{text}` is no label value; use up to 63 letters, digits, `-`, `_` and dots"))
}

fn is_label_text(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends(text.chars().next())
        && ends(text.chars().next_back())
}

/// A header field name: a token (RFC 9110, 5.6.2) of at most 256 characters.
pub(super) fn header_name(text: &str) -> Option<String> {
    let good = !text.is_empty() && text.len() <= 256 && text.chars().all(is_token_char);
    (!good).then(|| format!("`{text}` is no header name; use letters, digits and `-`"))
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// A header field value without line breaks or other control characters (RFC 9110, 5.5).
pub(super) fn header_value(text: &str) -> Option<String> {
    let bad = text.len() > 4096 || text.chars().any(|c| c.is_control() && c != '\t');
    bad.then(|| "is no header value; it holds control characters or is longer than 4096 bytes".to_owned())
}

/// A path of an `Exact` or `PathPrefix` match.
pub(super) fn path(text: &str) -> Option<String> {
    if !text.starts_with('/') {
        return Some(format!("`{text}` must start with `/`"));
    }
    if text.len() > 1024 {
        return Some("is longer than 1024 bytes".to_owned());
    }
    for part in ["//", "/./", "/../", "%2f", "%2F", "#"] {
        if text.contains(part) {
            return Some(format!("`{text}` must not contain `{part}`"));
        }
    }
    if let Some(end) = ["/..", "/."].into_iter().find(|end| text.ends_with(end)) {
        return Some(format!("`{text}` must not end with `{end}`"));
    }
    (!is_path_text(text)).then(|| {
        format!("`{text}` holds characters that a path cannot hold; percent-encode them (as in `%20`)")
    })
}

/// Characters of a path, with percent-encoding (RFC 3986, 3.3).
fn is_path_text(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => {
                [bytes.next(), bytes.next()].iter().all(|hex| hex.is_some_and(|hex| hex.is_ascii_hexdigit()))
            }
            byte => byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(&byte),
        };
        if !good {
            return false;
        }
    }
    true
}

/// A path to rewrite to: what a request line can carry, up to 1024 bytes.
pub(super) fn replacement_path(text: &str) -> Option<String> {
    if text.len() > 1024 {
        return Some("is longer than 1024 bytes".to_owned());
    }
    let bad = text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#');
    bad.then(|| {
        format!("`{text}` holds characters that a path cannot hold; percent-encode them (as in `%20`)")
    })
}

/// An origin of a CORS filter: `*`, or scheme and host with an optional port, `*` in the host's first place.
pub(super) fn origin(text: &str) -> Option<String> {
    let wrong =
        || Some(format!("`{text}` is no origin; write it as https://shop.example or https://*.example:8443"));
    if text == "*" {
        return None;
    }
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return wrong();
    };
    let (host, port) = rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port != 0)) {
        return wrong();
    }
    let plain = match host {
        "*" => return None,
        host => host.strip_prefix("*.").unwrap_or(host),
    };
    let label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if text.len() <= 253 && plain.split('.').all(label) { None } else { wrong() }
}

/// A gRPC service name.
pub(super) fn grpc_service(text: &str) -> Option<String> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let good = text.len() <= 1024 && text.split('.').all(part);
    (!good).then(|| format!("`{text}` is no gRPC service; write it as package.Service"))
}

/// A gRPC method name.
pub(super) fn grpc_method(text: &str) -> Option<String> {
    let good = text.len() <= 1024
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!good).then(|| format!("`{text}` is no gRPC method name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_judged_as_the_crds_judge_them() {
        let good = [
            hostname("shop.example", false),
            hostname("*.shop.example", true),
            hostname("localhost", true),
            header_name("X-Team_a"),
            header_value("a\tb ü"),
            path("/a/b.c/~x/%20;v=1@"),
            path("/"),
            origin("*"),
            origin("https://*"),
            origin("http://*.Shop.example:8443"),
            origin("https://localhost:3000"),
            grpc_service("a.b_c.D1"),
            grpc_method("Get"),
            section_name("a.b-c"),
            section_name(&"a".repeat(253)),
        ];
        assert!(good.iter().all(Option::is_none), "{good:?}");
        let bad = [
            hostname("*.shop.example", false),
            hostname("Shop.example", true),
            hostname("shop.example:80", true),
            hostname("*", true),
            hostname("", true),
            hostname("10.0.0.1", true),
            hostname("a.*.b", true),
            hostname("-a.b", true),
            header_name("x y"),
            header_name(""),
            header_name("x:"),
            header_value("a\r\nb"),
            path("a"),
            path(""),
            path("/a//b"),
            path("/a/../b"),
            path("/a/.."),
            path("/a/."),
            path("/a%2Fb"),
            path("/a#b"),
            path("/a b"),
            path("/a%2"),
            path("/a?b"),
            replacement_path("/a b"),
            origin("shop.example"),
            origin("https://shop.example/"),
            origin("https://shop.*.example"),
            origin("https://shop.example:0"),
            grpc_service("a..b"),
            grpc_service("a/b"),
            grpc_method("1a"),
            section_name("A"),
        ];
        for (index, verdict) in bad.iter().enumerate() {
            assert!(verdict.is_some(), "case {index}");
        }
    }

    #[test]
    fn labels_are_judged_as_kubernetes_judges_them() {
        let good =
            [qualified_name("a.example/B_c.d"), qualified_name("app"), label_value(""), label_value("A-1")];
        assert!(good.iter().all(Option::is_none), "{good:?}");
        let bad = [
            qualified_name("a/b/c"),
            qualified_name("-a"),
            qualified_name(""),
            label_value("a b"),
            label_value("-"),
            label_value(&"a".repeat(64)),
        ];
        assert!(bad.iter().all(Option::is_some), "{bad:?}");
    }
}
