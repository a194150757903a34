//! JUnit XML: a suite for the review, a case for each reviewer and each finding.
//!
//! Elements and attributes are those of the schema that Jenkins publishes (junit-10.xsd). GitLab shows the text of a
//! failure, not its message, and of two cases with one name only the first (docs.gitlab.com, "Unit test reports").

use super::plain::{lines, message};
use super::xml::escaped;
use crate::domain::finding::Severity;
use crate::domain::quoted::quote;
use crate::domain::review::report::{Agreed, Pass, Report, Reviewer};
use std::collections::HashMap;

/// Writes a report as JUnit XML. What is at least as grave as `fail_on` is a failure, and a reviewer without a verdict an
/// error; all else is a case that passed, with its words as output.
pub fn junit(report: &Report, fail_on: Option<Severity>) -> String {
    let fails = |agreed: &&Agreed| fail_on.is_some_and(|limit| agreed.finding.severity >= limit);
    let failures = report.findings.iter().filter(fails).count();
    let errors = report.incomplete().count();
    let cases = report.reviewers.len() + report.findings.len();
    let time = format!("{}.{:03}", report.millis / 1000, report.millis % 1000);
    let counts = format!("tests=\"{cases}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{time}\"");
    let name = escaped(&format!("crew review {}", report.reviewed.words));
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"crew\" {counts}>\n  <testsuite name=\"{name}\" {counts}>\n"
    );
    report.reviewers.iter().for_each(|one| xml.push_str(&reviewer(one, report)));
    let mut names: HashMap<String, usize> = HashMap::new();
    for agreed in &report.findings {
        let finding = &agreed.finding;
        let mut name = format!("{} {}:{}", finding.title, quote(&finding.file), lines(finding).0);
        let times = names.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name.push_str(&format!(" ({times})"));
        }
        xml.push_str(&case(agreed, &name, fails(&agreed)));
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

fn reviewer(Reviewer { name, pass }: &Reviewer, report: &Report) -> String {
    let changed = report.moved.iter().filter(|moved| moved.reviewers.contains(name));
    let changed: String = changed.map(|moved| format!("\n{}; back: {}", moved.words(), moved.back)).collect();
    let name = escaped(name);
    match pass {
        Pass::Approved | Pass::ChangesRequested => {
            format!("    <testcase classname=\"reviewers\" name=\"{name}\"/>\n")
        }
        Pass::Incomplete { why } => {
            let why = format!("incomplete: {why}");
            let (why, all) = (escaped(&why), escaped(&format!("{why}{changed}")));
            format!(
                "    <testcase classname=\"reviewers\" name=\"{name}\">\n      <error type=\"incomplete\" message=\"{why}\">{all}</error>\n    </testcase>\n"
            )
        }
    }
}

fn case(agreed: &Agreed, name: &str, fails: bool) -> String {
    let finding = &agreed.finding;
    let (name, category) = (escaped(name), escaped(&finding.category));
    // GitLab would take it for a file to show.
    let text = message(finding).replace("[[ATTACHMENT", "[ [ATTACHMENT");
    let text = escaped(&format!("{}\n\nfound by {}", text, agreed.reviewers.join(", ")));
    let (severity, title) = (finding.severity, escaped(&finding.title));
    let inside = match fails {
        true => format!("<failure type=\"{severity}\" message=\"{title}\">{text}</failure>"),
        false => format!("<system-out>{severity}: {text}</system-out>"),
    };
    format!("    <testcase classname=\"{category}\" name=\"{name}\">\n      {inside}\n    </testcase>\n")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean_hostile, finding, hostile, options, report, xml_holds};
    use super::super::{Format, Options, write};
    use super::*;
    use roxmltree::{Document, Node};
    use std::collections::BTreeSet;

    fn junit(report: &Report, fail_on: Option<Severity>) -> String {
        write(Format::Junit, report, &Options { fail_on, ..options() }).unwrap()
    }

    /// What junit-10.xsd allows: elements with their attributes and children.
    const ALLOWED: [(&str, &[&str], &[&str]); 6] = [
        ("testsuites", &["name", "tests", "failures", "errors", "time"], &["testsuite"]),
        ("testsuite", &["name", "tests", "failures", "errors", "time"], &["testcase"]),
        ("testcase", &["classname", "name"], &["failure", "error", "system-out"]),
        ("failure", &["type", "message"], &[]),
        ("error", &["type", "message"], &[]),
        ("system-out", &[], &[]),
    ];

    fn assert_allowed(node: Node<'_, '_>) {
        let name = node.tag_name().name();
        let (_, attributes, children) = ALLOWED.iter().find(|known| known.0 == name).expect(name);
        let there: BTreeSet<&str> = node.attributes().map(|attribute| attribute.name()).collect();
        assert_eq!(there, attributes.iter().copied().collect(), "{name}");
        for child in node.children().filter(|child| child.is_element()) {
            assert!(children.contains(&child.tag_name().name()), "{name}: {child:?}");
            assert_allowed(child);
        }
    }

    #[test]
    fn what_fails_the_gate_is_a_failure_and_a_missing_verdict_an_error() {
        let xml = junit(&hostile(), Some(Severity::Error));
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        assert_allowed(root);
        let counts = ["tests", "failures", "errors", "time"].map(|name| root.attribute(name).unwrap());
        assert_eq!(counts, ["7", "2", "1", "1.500"]);
        let all = |name: &'static str| -> Vec<Node<'_, '_>> {
            document.descendants().filter(|node| node.has_tag_name(name)).collect()
        };
        assert_eq!((all("failure").len(), all("error").len(), all("system-out").len()), (2, 1, 2));
        for (failure, agreed) in all("failure").iter().zip(clean_hostile().findings) {
            let finding = agreed.finding;
            assert_eq!(failure.attribute("message"), Some(xml_holds(&finding.title).as_str()));
            let text = failure.text().unwrap();
            assert!(!text.contains("[[ATTACHMENT|"), "{text}");
            let expected = format!("{}\n\nfound by claude, builtin", message(&finding));
            assert_eq!(text.replace("[ [ATTACHMENT", "[[ATTACHMENT"), xml_holds(&expected));
        }
    }

    #[test]
    fn without_a_gate_nothing_fails_and_every_case_has_a_name_of_its_own() {
        let twice = vec![finding(Severity::Blocker, "race", "a.rs", (3, 3)); 3];
        let xml = junit(&report(twice), None);
        let document = Document::parse(&xml).unwrap();
        assert_eq!(document.root_element().attribute("failures"), Some("0"));
        let names: BTreeSet<_> = document
            .descendants()
            .filter_map(|node| node.attribute("classname").and(node.attribute("name")))
            .collect();
        assert_eq!(names.len(), 2 + 3, "{names:?}");
    }
}
