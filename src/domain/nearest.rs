//! Which known name somebody probably meant.

/// The most characters of a name that are compared; no name in crew may be longer.
const MAX_CHARS: usize = 64;
/// The most names that are looked at, so that a suggestion stays cheap in a file with very many.
const MAX_NAMES: usize = 1_000;

/// Returns the name closest to what was written, or `None` where no name is close enough to suggest.
///
/// Case does not count. Close enough is a third of the longer name, and at least one slip: a letter too many, too few
/// or wrong, or two neighbours swapped. Of equally close names the first wins. Looks at the first 1,000 names.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = folded(wanted)?;
    let mut best: Option<(usize, &str)> = None;
    for name in names.take(MAX_NAMES) {
        let Some(candidate) = folded(name) else { continue };
        let longer = wanted.len().max(candidate.len());
        // A single letter can be turned into any other by one slip, so nothing is near it but itself.
        let allowed = if wanted.len().min(candidate.len()) < 2 { 0 } else { (longer / 3).max(1) };
        let allowed = best.map_or(allowed, |(slips, _)| allowed.min(slips.saturating_sub(1)));
        if wanted.len().abs_diff(candidate.len()) > allowed || best.is_some_and(|(slips, _)| slips == 0) {
            continue;
        }
        let slips = distance(&wanted, &candidate);
        if slips <= allowed {
            best = Some((slips, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Returns the one of several things that has a name. Otherwise says so, in the given words, and which name was probably meant
/// or which there are.
pub fn named<T: Copy>(
    none: &str,
    word: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, String> {
    let names = || all.iter().map(|one| name(*one));
    if let Some(found) = all.iter().find(|one| name(**one) == word) {
        return Ok(*found);
    }
    Err(match nearest(word, names()) {
        Some(near) => format!("{none}; did you mean `{near}`?"),
        None => format!("{none}; there are {}", names().collect::<Vec<_>>().join(", ")),
    })
}

/// Returns the small letters of a name, or `None` where it is empty or too long to be a name.
fn folded(name: &str) -> Option<Vec<char>> {
    let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).take(MAX_CHARS + 1).collect();
    (1..=MAX_CHARS).contains(&letters.len()).then_some(letters)
}

/// Counts the slips between two words, a swap of neighbours being one.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in right.iter().enumerate() {
            let mut slips = (last[j] + usize::from(letter != other)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == right[j - 1] && left[i - 1] == *other {
                slips = slips.min(before_last[j - 1] + 1);
            }
            row.push(slips);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [&str; 5] = ["explorer", "planner", "executor", "reviewer", "verifier"];

    #[test]
    fn a_slip_of_any_kind_finds_the_name() {
        for (wrong, right) in [
            ("explorr", "explorer"),
            ("exploreer", "explorer"),
            ("plannre", "planner"),
            ("EXECUTOR", "executor"),
            ("reviwer", "reviewer"),
            ("verifyer", "verifier"),
        ] {
            assert_eq!(nearest(wrong, ROLES.into_iter()), Some(right), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_suggested_for_a_stranger() {
        assert_eq!(nearest("database", ROLES.into_iter()), None);
        assert_eq!(nearest("", ROLES.into_iter()), None);
        assert_eq!(nearest("a", ["b", "c"].into_iter()), None);
        assert_eq!(nearest(&"x".repeat(100_000), ROLES.into_iter()), None);
    }

    #[test]
    fn the_closest_wins_and_then_the_first() {
        assert_eq!(nearest("test-b", ["test-ab", "test-c", "test-b"].into_iter()), Some("test-b"));
        assert_eq!(nearest("rol", ["role", "roll"].into_iter()), Some("role"));
    }
}
