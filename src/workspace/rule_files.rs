//! Files at a commit by their paths, for those who read a repository's rules: what lies there, and what is in it.

use super::blobs::Blobs;
use super::git::{Git, GitError};
use std::collections::BTreeMap;

/// The mode of a symbolic link.
const LINK: &str = "120000";

/// What lies at a path of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    mode: String,
    id: String,
}

/// Returns the ids of the files at some paths of a commit or tree, and of those in the folders whose paths end with `/`.
/// A link within the repository is followed once, since one file is often the other under a second name.
pub fn ids_at(git: &Git, treeish: &str, paths: &[String]) -> Result<BTreeMap<String, String>, GitError> {
    let mut listed = list(git, treeish, paths)?;
    let links: Vec<(String, String)> = listed
        .iter()
        .filter(|(_, listed)| listed.mode == LINK)
        .map(|(path, listed)| (path.clone(), listed.id.clone()))
        .collect();
    if !links.is_empty() {
        let ids: Vec<&str> = links.iter().map(|(_, id)| id.as_str()).collect();
        let targets = texts_of(git, &ids, 1024)?;
        let led: Vec<Option<String>> = links
            .iter()
            .map(|(path, id)| leads_to(path, targets.get(id).map_or("", String::as_str)))
            .collect();
        let wanted: Vec<String> = led.iter().flatten().cloned().collect();
        let found = if wanted.is_empty() { BTreeMap::new() } else { list(git, treeish, &wanted)? };
        for ((path, _), led) in links.iter().zip(led) {
            match led.and_then(|target| found.get(&target)) {
                Some(target) => listed.insert(path.clone(), target.clone()),
                None => listed.remove(path),
            };
        }
    }
    let files = listed.into_iter().filter(|(_, listed)| listed.mode.starts_with("100"));
    Ok(files.map(|(path, listed)| (path, listed.id)).collect())
}

/// Returns the first `limit` bytes of blobs by their ids, as text; what is no text is left out.
pub fn texts_of(git: &Git, ids: &[&str], limit: u64) -> Result<BTreeMap<String, String>, GitError> {
    let mut texts = BTreeMap::new();
    if ids.is_empty() {
        return Ok(texts);
    }
    let mut blobs = Blobs::open(git)?;
    for id in ids {
        if let Some(blob) = blobs.read(id.as_bytes(), limit)?.filter(|blob| !blob.bytes.contains(&0)) {
            texts.insert((*id).to_owned(), String::from_utf8_lossy(&blob.bytes).into_owned());
        }
    }
    Ok(texts)
}

fn list(git: &Git, treeish: &str, paths: &[String]) -> Result<BTreeMap<String, Listed>, GitError> {
    let mut args = vec!["--literal-pathspecs", "ls-tree", "-z", "--full-tree", treeish, "--"];
    args.extend(paths.iter().map(String::as_str));
    let of = |entry: String| {
        let (head, path) = entry.split_once('\t')?;
        let mut words = head.split(' ');
        let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
        Some((path.to_owned(), Listed { mode: mode.to_owned(), id: id.to_owned() }))
    };
    Ok(git.entries(&args)?.into_iter().filter_map(of).collect())
}

/// Returns the path that a link leads to; nothing where that is out of the repository.
fn leads_to(link: &str, target: &str) -> Option<String> {
    if target.is_empty() || target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_a_path_of_the_repository_or_nowhere() {
        let rows = [
            ("AGENTS.md", "CLAUDE.md", Some("CLAUDE.md")),
            ("a/b/AGENTS.md", "../../docs/./AGENTS.md", Some("docs/AGENTS.md")),
            ("a/AGENTS.md", "../../x", None),
            ("AGENTS.md", "/etc/passwd", None),
            ("AGENTS.md", "", None),
            ("a/AGENTS.md", "..", None),
        ];
        for (link, target, leads) in rows {
            assert_eq!(leads_to(link, target).as_deref(), leads, "{link} -> {target}");
        }
    }
}
