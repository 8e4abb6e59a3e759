//! The room of runbooks: the pages of `runbooks/`, read as what can be executed.
//!
//! [`crate::lint`] and the fault run call it. What a page must be stands in [`page`], how its queries become those of one
//! firing alert in [`query`]. What always holds: a block that is not understood is a fault with its line, never left out.

pub mod page;
pub mod query;
#[cfg(test)]
mod tests;

pub use page::{Block, Expect, Language, Page, SECTIONS, Section, read};

use crate::Asset;

/// The folder of the pages.
pub const FOLDER: &str = "runbooks/";

/// The files of this room: none is generated, people write the pages.
pub fn assets() -> Vec<Asset> {
    Vec::new()
}

/// The alert that the page at this path is for; `None` when the path is no runbook.
pub fn alert_of(path: &str) -> Option<&str> {
    let name = path.strip_prefix(FOLDER)?.strip_suffix(".md")?;
    (!name.contains('/') && name != "README").then_some(name)
}
