//! A generated file. The rooms of this crate make them; `cargo xtask gen` writes them.

/// A file that is written from code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// From the root of the repository, with `/`.
    pub path: String,
    /// The whole file, with a last line feed.
    pub content: String,
}

impl Asset {
    /// The file at this path with this content.
    pub fn new(path: impl Into<String>, content: impl Into<String>) -> Self {
        Self { path: path.into(), content: content.into() }
    }
}
