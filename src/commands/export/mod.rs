//! `crew export`: a run as a file, for people and programs elsewhere.

use super::context::Context;
use super::exit::{ExitStatus, Problem};
use super::places::Place;
use crate::export::{self, Format};
use crate::runner::environment::hiding_ours;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Write down all that is known of a run, for people and programs elsewhere
///
/// Secrets are taken out, and long texts are cut. A file that is there already is left alone, unless --force says
/// otherwise.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Run: the beginning of its id, or `last`
    run: String,

    /// json or events
    #[arg(long, value_name = "FORMAT")]
    format: Format,

    /// The file to write; `-` is standard output, which is where it goes without this
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write over a file that is there already
    #[arg(long)]
    force: bool,
}

/// Writes a run down.
pub fn export(cx: &Context, args: &ExportArgs) -> Result<ExitStatus> {
    let store = cx.store()?;
    let id = cx.find_run(&store, &args.run)?;
    let place = args.output.as_deref().filter(|file| *file != Path::new("-"));
    let place = place.map(|file| Ok::<_, Problem>((file, place_of(file, args.force)?))).transpose()?;
    let words = hiding_ours(&[]);
    let text = export::written(&store, &id, args.format, &words)?.context("the run is recorded")?;
    let Some((file, place)) = place.filter(|(_, place)| *place != Place::Stdout) else {
        cx.printer.data(text.trim_end_matches('\n'))?;
        return Ok(ExitStatus::Done);
    };
    place.write(text.as_bytes()).map_err(|error| {
        let message = format!("{} could not be written: {error}", file.display());
        Problem { exit: ExitStatus::Failed, ..Problem::usage("output", message) }
    })?;
    told(cx, file, args.format, text.len())?;
    Ok(ExitStatus::Done)
}

/// Says what was written.
fn told(cx: &Context, file: &Path, format: Format, bytes: usize) -> Result<()> {
    match cx.printer.json {
        true => cx.printer.json(&json!({"file": file, "format": format.name(), "bytes": bytes}))?,
        false => cx.printer.tell(&format!("{} written", file.display())),
    }
    Ok(())
}

/// Finds out where a file goes; refuses one that is there.
fn place_of(file: &Path, force: bool) -> Result<Place, Problem> {
    let place = Place::of(file).map_err(|error| {
        let message = format!("nothing can be written to {}: {error}", file.display());
        Problem::usage("output", message).hint("name a file in a folder that exists")
    })?;
    match &place {
        Place::File(path) if path.exists() && !force => {
            let message = format!("{} is there already", file.display());
            Err(Problem::refused("file_exists", message).hint("--force writes over it, -o names another"))
        }
        _ => Ok(place),
    }
}
