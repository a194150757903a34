//! Filling the goal and the variables into a text.

use std::collections::{BTreeMap, BTreeSet};

/// Returns the text with `{goal}` and the `{NAME}` of each given variable replaced.
///
/// A value is put in as it is: braces inside it mean nothing. All other braces stay, so code in a task text survives.
/// A variable called `goal` does not replace the goal.
pub fn fill(text: &str, goal: &str, vars: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut copied = 0;
    for place in Places::of(text) {
        let value = if place.name == "goal" { Some(goal) } else { vars.get(place.name).map(String::as_str) };
        if let Some(value) = value {
            filled.push_str(&text[copied..place.start]);
            filled.push_str(value);
            copied = place.end;
        }
    }
    filled.push_str(&text[copied..]);
    filled
}

/// Returns the variables that a text asks for, each once, in the order of the text; `goal` is none of them.
pub fn names(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::from(["goal"]);
    Places::of(text).filter(|place| seen.insert(place.name)).map(|place| place.name.to_owned()).collect()
}

/// A `{NAME}` in a text.
struct Place<'a> {
    name: &'a str,
    start: usize,
    end: usize,
}

struct Places<'a> {
    text: &'a str,
    from: usize,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        Places { text, from: 0 }
    }
}

impl<'a> Iterator for Places<'a> {
    type Item = Place<'a>;

    fn next(&mut self) -> Option<Place<'a>> {
        while let Some(found) = self.text[self.from..].find('{') {
            let start = self.from + found;
            let inside = &self.text[start + 1..];
            let length = inside.bytes().take_while(|byte| is_name_byte(*byte)).count();
            // Everything looked at was part of a name, so the next place can only begin behind it.
            self.from = start + 1 + length;
            if length > 0 && inside[length..].starts_with('}') {
                return Some(Place { name: &inside[..length], start, end: start + length + 2 });
            }
        }
        None
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_goal_and_given_variables_are_filled_in() {
        let text = "Do {goal} on {branch}, not {other} or {} or { goal } or ${HOME}; {{goal}}";
        let filled = fill(text, "it", &vars(&[("branch", "main")]));
        assert_eq!(filled, "Do it on main, not {other} or {} or { goal } or ${HOME}; {it}");
    }

    #[test]
    fn a_value_is_never_expanded_again() {
        let vars = vars(&[("a", "{b}"), ("b", "{goal}"), ("goal", "mine")]);
        assert_eq!(fill("{goal} {a} {b}", "{a}", &vars), "{a} {b} {goal}");
        assert_eq!(fill("{goa{a}l}", "x", &vars), "{goa{b}l}");
    }

    #[test]
    fn the_names_asked_for_come_once_and_in_order() {
        assert_eq!(names("{z} {goal} {a-1} {z} {not this} {é} {"), ["z", "a-1"]);
    }

    proptest! {
        #[test]
        fn filling_with_nothing_given_only_touches_the_goal(text in "[{}a-z é]{0,40}") {
            prop_assert_eq!(fill(&text, "{goal}", &BTreeMap::new()), text);
        }
    }
}
