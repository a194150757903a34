//! Where the report of a review goes, and in which forms: several at once, each to its own place.

use super::report::Concluded;
use super::text;
use crate::commands::context::Context;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::places::Place;
use crate::review::formats::{self, Format, Level, Options};
use crate::ui::printer::Printer;
use anyhow::Result;
use std::io::Write;
use std::path::{Path, PathBuf};

/// In which forms a report is told, and where.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct OutputArgs {
    /// text, json, sarif, github, gitlab, rdjson, checkstyle, junit or markdown; with =FILE into a file. May be given
    /// several times
    #[arg(long, value_name = "FORMAT[=FILE]")]
    format: Vec<String>,

    /// The file for a form that names none, in the order of the forms
    #[arg(long, short, value_name = "FILE")]
    output: Vec<PathBuf>,

    /// Tells SARIF reports of one commit apart that different teams make
    #[arg(long, value_name = "NAME", default_value = "review", hide_default_value = true)]
    sarif_category: String,

    /// The gravest level in SARIF: GitHub's own check fails for a new `error`, whatever crew's exit code is
    #[arg(long, value_name = "LEVEL", default_value = "error", hide_default_value = true)]
    sarif_max_level: Level,
}

/// Where a report goes, checked before anything begins.
#[derive(Clone, Debug)]
pub struct Outputs {
    to_stdout: Format,
    to_files: Vec<(Format, PathBuf, Place)>,
    category: String,
    max_level: Level,
}

impl OutputArgs {
    /// Reads what is asked for; refuses what could only fail once the review is done.
    pub fn read(&self, json: bool) -> Result<Outputs, Problem> {
        let mut to_files: Vec<(Format, PathBuf, Place)> = Vec::new();
        let mut to_stdout: Vec<Format> = json.then_some(Format::Json).into_iter().collect();
        for (format, file) in self.pairs()? {
            let place = file.as_deref().map(|file| place_of(format, file)).transpose()?;
            match (file, place) {
                (Some(file), Some(place)) if place != Place::Stdout => {
                    refuse_same(&to_files, (format, &file, &place))?;
                    to_files.push((format, file, place));
                }
                _ if !to_stdout.contains(&format) => to_stdout.push(format),
                _ => {}
            }
        }
        if let [first, second, ..] = to_stdout.as_slice() {
            let message = format!("{} and {} cannot both go to standard output", first.name(), second.name());
            let hint = format!("--format {}=FILE puts one of them into a file", second.name());
            return Err(Problem::usage("two_outputs", message).hint(hint));
        }
        Ok(Outputs {
            to_stdout: to_stdout.first().copied().unwrap_or(Format::Text),
            to_files,
            category: self.sarif_category.clone(),
            max_level: self.sarif_max_level,
        })
    }

    /// Returns each form with its file, where it has one.
    fn pairs(&self) -> Result<Vec<(Format, Option<PathBuf>)>, Problem> {
        let mut files = self.output.iter();
        let mut pairs = Vec::new();
        for wanted in &self.format {
            let (name, file) =
                wanted.split_once('=').map_or((wanted.as_str(), None), |(name, file)| (name, Some(file)));
            let format: Format =
                name.parse().map_err(|why| Problem::usage("format", format!("--format: {why}")))?;
            pairs.push((format, file.map(PathBuf::from).or_else(|| files.next().cloned())));
        }
        if self.format.is_empty() {
            // A file alone gets what would be shown.
            pairs.extend(files.next().map(|file| (Format::Text, Some(file.clone()))));
        }
        match files.next() {
            None => Ok(pairs),
            Some(file) => {
                let message = format!("no form is left for --output {}", file.display());
                Err(Problem::usage("output", message).hint("name a form for each file: --format sarif=FILE"))
            }
        }
    }
}

/// Finds out where a form goes; refuses what could only fail.
fn place_of(format: Format, file: &Path) -> Result<Place, Problem> {
    let name = format.name();
    if file.as_os_str().is_empty() {
        let message = format!("no file is named for {name}");
        return Err(Problem::usage("output", message).hint(format!("--format {name}=FILE")));
    }
    let place = Place::of(file).map_err(|error| {
        let message = format!("no report can be written to {}: {error}", file.display());
        Problem::usage("output", message).hint("name a file in a folder that exists")
    })?;
    if place.is_kept() {
        let message = format!("{} lies among the files of git or of crew", file.display());
        return Err(Problem::usage("output", message).hint("name a file outside of .git and .crew"));
    }
    if format.is_for_stdout() && place != Place::Stdout {
        let message = format!("--format {name} is read from standard output, not from {}", file.display());
        return Err(Problem::usage("format", message).hint("leave the file out"));
    }
    Ok(place)
}

/// Refuses a file that would hold the last of two forms only.
fn refuse_same(
    before: &[(Format, PathBuf, Place)],
    (format, file, place): (Format, &Path, &Place),
) -> Result<(), Problem> {
    let same = before.iter().find(|(_, _, other)| matches!(place, Place::File(_)) && other == place);
    let Some((first, ..)) = same else { return Ok(()) };
    let message =
        format!("{} and {} cannot both go to the file {}", first.name(), format.name(), file.display());
    Err(Problem::usage("two_outputs", message).hint("name a file for each form"))
}

impl Outputs {
    /// Tells whether people read standard output.
    pub fn is_for_people(&self) -> bool {
        self.to_stdout == Format::Text
    }

    /// Refuses forms that say nothing of which step found something.
    pub fn refuse_all_but_text_and_json(&self) -> Result<(), Problem> {
        let is_fit = matches!(self.to_stdout, Format::Text | Format::Json) && self.to_files.is_empty();
        if is_fit {
            return Ok(());
        }
        let message = "the steps of a run that does more than review are told as text and as JSON only";
        Err(Problem::usage("output", message)
            .hint("crew review --task RUN/TASK reviews a task's work, in all forms"))
    }

    /// Tells a report everywhere. What cannot be written is an error, whatever the review came to.
    pub fn tell(&self, cx: &Context, concluded: &Concluded) -> Result<ExitStatus> {
        for (format, file, place) in &self.to_files {
            let mut text = self.written(*format, concluded, None);
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            place.write(text.as_bytes()).map_err(|error| {
                let message = format!("the report could not be written to {}: {error}", file.display());
                Problem { exit: ExitStatus::Failed, ..Problem::usage("output", message) }
                    .hint(format!("crew review show {} writes it again", concluded.report.review))
            })?;
        }
        concluded.told.iter().for_each(|sentence| cx.printer.warn(sentence));
        if self.to_stdout == Format::Github {
            self.summarise(cx, concluded);
        }
        let text = self.written(self.to_stdout, concluded, Some(&cx.printer));
        cx.printer.data(text.trim_end_matches('\n'))?;
        Ok(concluded.exit())
    }

    fn written(&self, format: Format, concluded: &Concluded, printer: Option<&Printer>) -> String {
        let options = Options {
            version: env!("CARGO_PKG_VERSION"),
            category: &self.category,
            max_level: self.max_level,
            fail_on: concluded.bar.fail_on,
        };
        formats::write(format, &concluded.report, &options).unwrap_or_else(|| match format {
            Format::Json => text::json(concluded),
            _ => text::text(concluded, printer),
        })
    }

    /// Adds to the summary of the step where GitHub's runner wants that. It is no reason to fail that it cannot be.
    fn summarise(&self, cx: &Context, concluded: &Concluded) {
        let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
            return;
        };
        let there = std::fs::metadata(&path).map_or(0, |file| file.len());
        let summary = formats::step_summary(&concluded.report, there);
        let added = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let added = added.and_then(|mut file| file.write_all(summary.as_bytes()));
        if let Err(error) = added {
            cx.printer.warn(&format!("the summary of the step was not written: {error}"));
        }
    }
}
