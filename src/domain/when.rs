//! The condition under which a step is carried out: `when: verify.state == failed && vars.fix != "no"`.

use super::nearest::nearest;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How deep parentheses and `!` may be nested.
const MAX_DEPTH: usize = 32;
/// The states that a condition may ask for: those in which a task stays.
const STATES: [&str; 5] = ["completed", "failed", "needs_review", "skipped", "cancelled"];

/// A condition, kept together with the words it was written in.
///
/// Either `always`, or comparisons of `STEP.state`, `STEP.exit` and `vars.NAME` with a value by `==`, `!=` and (for
/// variables) `contains`, joined by `&&`, `||`, `!` and parentheses. `&&` binds tighter than `||`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct When {
    source: String,
    condition: Condition,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The state of the step with this id, by its name in JSON.
    State(String),
    /// The exit code of the command step with this id, as a decimal number.
    Exit(String),
    /// The variable with this name.
    Var(String),
}

// `All` and `Any` hold lists, so that a long row of `&&` is no deeper than a short one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Always,
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { operand: Operand, comparison: Comparison, value: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Is,
    IsNot,
    Contains,
}

/// Why a condition can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct WhenError {
    /// Where in the condition, in characters from 1.
    pub column: usize,
    pub message: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl When {
    /// Reads a condition.
    pub fn parse(source: &str) -> Result<When, WhenError> {
        let source = source.trim();
        let condition = if source == "always" { Condition::Always } else { Parser::new(source)?.whole()? };
        Ok(When { source: source.to_owned(), condition })
    }

    /// Tells whether the condition holds; what `lookup` does not know counts as an empty text.
    pub fn holds(&self, lookup: &dyn Fn(&Operand) -> Option<String>) -> bool {
        self.condition.holds(lookup)
    }

    /// Returns what the condition looks at, in the order of the text.
    pub fn operands(&self) -> Vec<&Operand> {
        let mut operands = Vec::new();
        self.condition.collect_operands(&mut operands);
        operands
    }

    /// Tells whether the step is carried out whatever became of its dependencies.
    pub fn is_always(&self) -> bool {
        self.condition == Condition::Always
    }
}

impl Operand {
    /// Returns the id of the step it asks about.
    pub fn step(&self) -> Option<&str> {
        match self {
            Operand::State(step) | Operand::Exit(step) => Some(step),
            Operand::Var(_) => None,
        }
    }
}

impl Condition {
    // Recursion is safe: the parser refuses what is nested deeper than MAX_DEPTH.
    fn holds(&self, lookup: &dyn Fn(&Operand) -> Option<String>) -> bool {
        match self {
            Condition::Always => true,
            Condition::All(parts) => parts.iter().all(|part| part.holds(lookup)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(lookup)),
            Condition::Not(part) => !part.holds(lookup),
            Condition::Compare { operand, comparison, value } => {
                let actual = lookup(operand).unwrap_or_default();
                match comparison {
                    Comparison::Is => actual == *value,
                    Comparison::IsNot => actual != *value,
                    Comparison::Contains => actual.contains(value),
                }
            }
        }
    }

    fn collect_operands<'a>(&'a self, operands: &mut Vec<&'a Operand>) {
        match self {
            Condition::Always => {}
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| part.collect_operands(operands));
            }
            Condition::Not(part) => part.collect_operands(operands),
            Condition::Compare { operand, .. } => operands.push(operand),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl TryFrom<String> for When {
    type Error = WhenError;

    fn try_from(source: String) -> Result<When, WhenError> {
        When::parse(&source)
    }
}

impl From<When> for String {
    fn from(when: When) -> String {
        when.source
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

const SIGNS: [&str; 7] = ["==", "!=", "&&", "||", "!", "(", ")"];

/// Cuts a condition into tokens, each with its column.
fn tokens(source: &str) -> Result<Vec<(usize, Token)>, WhenError> {
    let mut tokens = Vec::new();
    let mut column = 1;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if first == '"' {
            let (text, length) =
                quoted(rest).ok_or_else(|| error(column, "this quote is never closed".to_owned()))?;
            tokens.push((column, Token::Quoted(text)));
            length
        } else if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            tokens.push((column, Token::Sign(sign)));
            sign.len()
        } else {
            let length = rest.find(ends_word).unwrap_or(rest.len());
            if length == 0 {
                let hint = format!("write `{first}{first}`");
                return Err(WhenError { hint: Some(hint), ..error(column, format!("unexpected `{first}`")) });
            }
            tokens.push((column, Token::Word(rest[..length].to_owned())));
            length
        };
        column += rest[..length].chars().count();
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn ends_word(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '"' | '(' | ')' | '=' | '!' | '&' | '|')
}

/// Returns the text between the quotes that `rest` starts with, and how many bytes it takes with them.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((text, at + 1)),
            '\\' => text.push(letters.next()?.1),
            _ => text.push(letter),
        }
    }
    None
}

fn error(column: usize, message: String) -> WhenError {
    WhenError { column, message, hint: None }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    /// The column behind the last character.
    end: usize,
}

impl Parser {
    fn new(source: &str) -> Result<Parser, WhenError> {
        Ok(Parser { tokens: tokens(source)?, at: 0, end: source.chars().count() + 1 })
    }

    fn whole(mut self) -> Result<Condition, WhenError> {
        let condition = self.any(0)?;
        match self.tokens.get(self.at) {
            None => Ok(condition),
            Some(_) => Err(self.expected("`&&`, `||` or the end")),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Condition, WhenError> {
        let mut parts = vec![self.all(depth)?];
        while self.take_sign("||") {
            parts.push(self.all(depth)?);
        }
        Ok(joined(parts, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, WhenError> {
        let mut parts = vec![self.one(depth)?];
        while self.take_sign("&&") {
            parts.push(self.one(depth)?);
        }
        Ok(joined(parts, Condition::All))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, WhenError> {
        if depth > MAX_DEPTH {
            return Err(error(self.column(), format!("nested deeper than {MAX_DEPTH}")));
        }
        if self.take_sign("!") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take_sign("(") {
            let condition = self.any(depth + 1)?;
            return if self.take_sign(")") { Ok(condition) } else { Err(self.expected("`)`")) };
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<Condition, WhenError> {
        let operand = self.operand()?;
        let column = self.column();
        let comparison = if self.take_sign("==") {
            Comparison::Is
        } else if self.take_sign("!=") {
            Comparison::IsNot
        } else if matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word == "contains") {
            self.at += 1;
            Comparison::Contains
        } else {
            return Err(self.expected("`==`, `!=` or `contains`"));
        };
        if comparison == Comparison::Contains && operand.step().is_some() {
            return Err(error(
                column,
                "`contains` is for variables; a step has one state and one exit code".into(),
            ));
        }
        let value = self.value(&operand)?;
        Ok(Condition::Compare { operand, comparison, value })
    }

    fn operand(&mut self) -> Result<Operand, WhenError> {
        let Some((column, Token::Word(word))) = self.tokens.get(self.at) else {
            return Err(self.expected("`STEP.state`, `STEP.exit` or `vars.NAME`"));
        };
        let operand = read_operand(*column, word)?;
        self.at += 1;
        Ok(operand)
    }

    fn value(&mut self, operand: &Operand) -> Result<String, WhenError> {
        let column = self.column();
        let Some((_, Token::Word(text) | Token::Quoted(text))) = self.tokens.get(self.at) else {
            return Err(self.expected("a value"));
        };
        let value = read_value(column, operand, text)?;
        self.at += 1;
        Ok(value)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let taken = matches!(self.tokens.get(self.at), Some((_, Token::Sign(next))) if *next == sign);
        self.at += usize::from(taken);
        taken
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(column, _)| *column)
    }

    fn expected(&self, what: &str) -> WhenError {
        let found = match self.tokens.get(self.at) {
            Some((_, Token::Word(word))) => format!("found `{word}`"),
            Some((_, Token::Quoted(text))) => format!("found \"{text}\""),
            Some((_, Token::Sign(sign))) => format!("found `{sign}`"),
            None => "the condition ends".to_owned(),
        };
        error(self.column(), format!("expected {what}, but {found}"))
    }
}

fn joined(mut parts: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn read_operand(column: usize, word: &str) -> Result<Operand, WhenError> {
    match word.rsplit_once('.') {
        Some(("vars", name)) if !name.is_empty() => Ok(Operand::Var(name.to_owned())),
        Some((step, "state")) if !step.is_empty() => Ok(Operand::State(step.to_owned())),
        Some((step, "exit")) if !step.is_empty() => Ok(Operand::Exit(step.to_owned())),
        found => {
            let hint = found
                .and_then(|(step, field)| Some(format!("did you mean `{step}.{}`?", nearest_field(field)?)))
                .unwrap_or_else(|| "`always` stands alone".to_owned());
            let message = format!("expected `STEP.state`, `STEP.exit` or `vars.NAME`, but found `{word}`");
            let hint = (found.is_some() || word == "always").then_some(hint);
            Err(WhenError { hint, ..error(column, message) })
        }
    }
}

fn nearest_field(field: &str) -> Option<&'static str> {
    nearest(field, ["state", "exit"].into_iter())
}

fn read_value(column: usize, operand: &Operand, text: &str) -> Result<String, WhenError> {
    match operand {
        Operand::State(_) if !STATES.contains(&text) => Err(WhenError {
            hint: Some(match nearest(text, STATES.into_iter()) {
                Some(state) => format!("did you mean `{state}`?"),
                None => format!("it is one of {}", STATES.join(", ")),
            }),
            ..error(column, format!("`{text}` is not a state that a step ends in"))
        }),
        // Written back as a number, so that `00` is the same as `0`.
        Operand::Exit(_) => match text.parse::<i32>() {
            Ok(code) => Ok(code.to_string()),
            Err(_) => Err(error(column, format!("`{text}` is not an exit code"))),
        },
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(operand: &Operand) -> Option<String> {
        let known = match operand {
            Operand::State(step) if step == "test" => "failed",
            Operand::State(step) if step == "build" => "completed",
            Operand::Exit(step) if step == "test" => "101",
            Operand::Var(name) if name == "kind" => "release \"one\"",
            _ => return None,
        };
        Some(known.to_owned())
    }

    fn holds(source: &str) -> bool {
        When::parse(source).unwrap().holds(&lookup)
    }

    #[test]
    fn comparisons_look_at_states_exits_and_variables() {
        for (source, expected) in [
            ("always", true),
            ("test.state == failed", true),
            ("test.state != failed", false),
            ("test.exit == 101", true),
            ("test.exit==0", false),
            (r#"vars.kind contains "release \"one""#, true),
            ("vars.kind contains beta", false),
            (r#"vars.unknown == """#, true),
            ("vars.unknown != x", true),
        ] {
            assert_eq!(holds(source), expected, "{source}");
        }
    }

    #[test]
    fn and_binds_tighter_than_or_and_parentheses_tighter_still() {
        assert!(holds("build.state == completed || test.state == completed && test.exit == 0"));
        assert!(!holds("(build.state == completed || test.state == completed) && test.exit == 0"));
        assert!(holds("!(test.state == completed) && !!build.state == completed"));
    }

    #[test]
    fn an_error_tells_the_column() {
        for (source, column, words) in [
            ("", 1, "but the condition ends"),
            ("test.state = failed", 12, "unexpected `=`"),
            ("test.state == faild", 15, "not a state"),
            ("test.stat == failed", 1, "found `test.stat`"),
            ("vars.é == \"x\" test", 15, "expected `&&`, `||` or the end"),
            ("vars.a == \"x", 11, "never closed"),
            ("(vars.a == x", 13, "expected `)`"),
            ("test.exit == zero", 14, "not an exit code"),
            ("test.state contains fail", 12, "`contains` is for variables"),
            ("always && test.exit == 0", 1, "found `always`"),
            ("vars.a ==", 10, "expected a value"),
        ] {
            let error = When::parse(source).unwrap_err();
            assert_eq!(error.column, column, "{source}: {error}");
            assert!(error.message.contains(words), "{source}: {error}");
        }
    }

    #[test]
    fn a_near_miss_is_answered_with_the_right_word() {
        for (source, hint) in [
            ("test.state == faild", "did you mean `failed`?"),
            ("test.stat == failed", "did you mean `test.state`?"),
            ("test.state = failed", "write `==`"),
            ("vars.a == b & vars.b == c", "write `&&`"),
        ] {
            assert_eq!(When::parse(source).unwrap_err().hint.as_deref(), Some(hint), "{source}");
        }
    }

    #[test]
    fn hostile_nesting_is_refused_and_a_long_row_is_not() {
        for deep in ["(", "!"] {
            assert!(When::parse(&deep.repeat(100_000)).unwrap_err().message.contains("nested deeper"));
        }
        let row = vec!["vars.a == b"; 50_000].join(" && ");
        assert!(!holds(&row));
        assert_eq!(When::parse(&row).unwrap().operands().len(), 50_000);
    }

    #[test]
    fn it_is_shown_and_stored_as_it_was_written() {
        let when = When::parse("  test.exit   == 0 ").unwrap();
        assert_eq!(when.to_string(), "test.exit   == 0");
        let json = serde_json::to_string(&when).unwrap();
        assert_eq!(json, r#""test.exit   == 0""#);
        assert_eq!(serde_json::from_str::<When>(&json).unwrap(), when);
        assert!(
            serde_json::from_str::<When>(r#""test.exit =""#).unwrap_err().to_string().contains("column 11")
        );
        assert!(When::parse("always").unwrap().is_always() && !when.is_always());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_within_its_columns(source in "[a-z.é\"()!=&| ]{0,60}|\\PC{0,40}") {
            if let Err(error) = When::parse(&source) {
                prop_assert!((1..=source.chars().count() + 1).contains(&error.column));
            }
        }
    }
}
