//! Whether the links within the built book lead anywhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::generator::folder::files_below;

/// Every link to a page or to a place in a page that is not there, as `page: link`.
///
/// # Errors
///
/// The book's folder cannot be read.
pub fn broken(book: &Path) -> Result<Vec<String>> {
    let paths = files_below(book)?;
    // The print page repeats all pages, and the 404 page lives at no fixed depth.
    let pages = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "html"));
    let pages = pages.filter(|path| !path.ends_with("print.html") && !path.ends_with("404.html"));
    let mut texts = BTreeMap::new();
    for path in pages {
        texts.insert(path.clone(), fs::read_to_string(book.join(path)).context("cannot read a page of the book")?);
    }
    let mut broken = Vec::new();
    for (page, text) in &texts {
        let links = attributes(text, "href").chain(attributes(text, "src")).filter(|link| is_internal(link));
        let dead = links.filter(|link| !resolves(book, page, link, &texts));
        broken.extend(dead.map(|link| format!("{}: {link}", page.display())));
    }
    broken.dedup();
    Ok(broken)
}

fn attributes<'a>(text: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    let values = text.match_indices(&start).map(|(at, start)| &text[at + start.len()..]).collect::<Vec<_>>();
    values.into_iter().filter_map(|rest| rest.split('"').next())
}

fn is_internal(link: &str) -> bool {
    let external = ["http:", "https:", "mailto:", "data:", "javascript:", "//"];
    !link.is_empty() && !external.iter().any(|scheme| link.starts_with(scheme))
}

fn resolves(book: &Path, page: &Path, link: &str, texts: &BTreeMap<PathBuf, String>) -> bool {
    let (path, place) = link.split_once('#').unwrap_or((link, ""));
    let target =
        if path.is_empty() { page.to_owned() } else { normal(&page.parent().unwrap_or(Path::new("")).join(path)) };
    let target = if book.join(&target).is_dir() { target.join("index.html") } else { target };
    match texts.get(&target) {
        Some(text) => place.is_empty() || text.contains(&format!("id=\"{place}\"")),
        None => book.join(&target).is_file(),
    }
}

/// `a/../b.html` as `b.html`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = Vec::new();
    for part in path.components() {
        match part.as_os_str().to_str() {
            Some("..") => drop(parts.pop()),
            Some(".") => {}
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}
