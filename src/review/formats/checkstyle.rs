//! Checkstyle XML, which Jenkins and reviewdog read: `checkstyle` holds `file`s, and these hold `error`s.

use super::plain::{INCOMPLETE, TOOL, incomplete, lines, message};
use super::xml::escaped;
use crate::domain::finding::Severity;
use crate::domain::review::report::{Agreed, Report};
use std::collections::BTreeMap;

/// Writes a report as Checkstyle XML.
pub fn checkstyle(report: &Report) -> String {
    let mut files: BTreeMap<&str, Vec<&Agreed>> = BTreeMap::new();
    for agreed in &report.findings {
        files.entry(&agreed.finding.file).or_default().push(agreed);
    }
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"8.0\">\n".to_owned();
    for (file, findings) in files {
        xml.push_str(&format!("  <file name=\"{}\">\n", escaped(file)));
        for Agreed { finding, .. } in findings {
            let (line, severity) = (lines(finding).0, severity(finding.severity));
            xml.push_str(&error(line, severity, &message(finding), &finding.category));
        }
        xml.push_str("  </file>\n");
    }
    let incomplete = incomplete(report);
    if !incomplete.is_empty() {
        // It has no other place for what is about no file.
        xml.push_str("  <file name=\".\">\n");
        incomplete.iter().for_each(|why| xml.push_str(&error(1, "error", why, INCOMPLETE)));
        xml.push_str("  </file>\n");
    }
    xml.push_str("</checkstyle>\n");
    xml
}

fn error(line: u32, severity: &str, message: &str, source: &str) -> String {
    let (message, source) = (escaped(message), escaped(source));
    format!(
        "    <error line=\"{line}\" severity=\"{severity}\" message=\"{message}\" source=\"{TOOL}.{source}\"/>\n"
    )
}

/// Checkstyle knows `ignore`, `info`, `warning` and `error`.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{clean_hostile, hostile, options, report, xml_holds};
    use super::super::{Format, write};
    use super::*;
    use roxmltree::Document;

    fn checkstyle(report: &Report) -> String {
        write(Format::Checkstyle, report, &options()).unwrap()
    }

    #[test]
    fn files_hold_their_findings_and_an_incomplete_review_is_an_error() {
        let xml = checkstyle(&hostile());
        let document = Document::parse(&xml).unwrap();
        let root = document.root_element();
        assert_eq!((root.tag_name().name(), root.attribute("version")), ("checkstyle", Some("8.0")));
        let mut read = Vec::new();
        for file in root.children().filter(|node| node.is_element()) {
            assert_eq!(file.tag_name().name(), "file");
            for error in file.children().filter(|node| node.is_element()) {
                assert_eq!((error.tag_name().name(), error.has_children()), ("error", false));
                let names: Vec<_> = error.attributes().map(|attribute| attribute.name()).collect();
                assert_eq!(names, ["line", "severity", "message", "source"]);
                let text = |name| error.attribute(name).unwrap().to_owned();
                read.push((
                    file.attribute("name").unwrap().to_owned(),
                    text("line"),
                    text("message"),
                    text("source"),
                ));
            }
        }
        assert!(read.pop().unwrap().2.starts_with("while codex reviewed, refs/heads/`$(x)`"), "{xml}");
        assert!(read.pop().unwrap().2.starts_with("the review of codex is incomplete"), "{xml}");
        let mut expected: Vec<_> = clean_hostile()
            .findings
            .into_iter()
            .map(|agreed| {
                let finding = agreed.finding;
                let line = finding.start_line.max(1).to_string();
                let source = xml_holds(&format!("crew.{}", finding.category));
                (xml_holds(&finding.file), line, xml_holds(&message(&finding)), source)
            })
            .collect();
        expected.sort();
        read.sort();
        assert_eq!(read, expected);
    }

    #[test]
    fn nothing_found_is_a_whole_document() {
        let xml = checkstyle(&report(Vec::new()));
        assert!(xml.ends_with("<checkstyle version=\"8.0\">\n</checkstyle>\n"), "{xml}");
    }
}
