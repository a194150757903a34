//! stub
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names.into_iter().find(|n| n.starts_with(wanted))
}
