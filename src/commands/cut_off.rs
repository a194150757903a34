//! A merge that was cut off: a folder may hold half of it, until the next merge puts that right.

use super::exit::Problem;
use super::merge;
use crate::domain::id::RunId;
use crate::domain::merging::command_into;
use crate::domain::words::clean_line;
use crate::runner::merge_work;
use crate::store::database::Store;
use crate::store::layout::Layout;
use crate::ui::printer::Printer;
use crate::workspace::merging::Repository;
use crate::workspace::merging::landing::{Journal, Move};
use anyhow::Result;

/// A merge that was cut off, as people are told.
pub struct CutOff {
    /// `a merge of run 7k2 into main was cut off here`
    pub what: String,
    /// `crew merge 7k2 puts it right`
    pub way_out: String,
    /// The files of this very folder may be half of one thing and half of another.
    pub is_here: bool,
}

impl CutOff {
    fn of(layout: &Layout, journal: &Journal) -> Result<CutOff> {
        let Move { run, branch, .. } = &journal.moved;
        let is_here = journal.folder.as_deref().is_some_and(|folder| {
            folder.canonicalize().unwrap_or_else(|_| folder.to_owned()) == layout.repository()
        });
        let place = match &journal.folder {
            _ if is_here => " here".to_owned(),
            Some(folder) => format!(" in {}", folder.display()),
            None => String::new(),
        };
        let store = Store::open_existing(layout)?;
        let known = match (&store, RunId::parse(run)) {
            (Some(store), Some(id)) => store.load_run(&id)?.zip(Some(store.short(&id)?)),
            _ => None,
        };
        let (name, way_out) = match known {
            Some((run, short)) => {
                let command = command_into(&run, &short, branch);
                (short, format!("{command} puts it right"))
            }
            // The user's work trees share git's folder, and each has runs of its own.
            None => (run.clone(), format!("crew merge {run} puts it right, in the work tree where it ran")),
        };
        let branch = clean_line(branch, 200);
        let what = format!("a merge of run {name} into {branch} was cut off{place}");
        Ok(CutOff { what, way_out, is_here })
    }
}

/// Finds the merges that were cut off in a repository.
pub fn found(layout: &Layout) -> Result<Vec<CutOff>> {
    let repository = Repository::of(layout.repository())?;
    let found = merge_work::cut_off(&repository).map_err(merge::hindered)?;
    found.iter().map(|journal| CutOff::of(layout, journal)).collect()
}

/// Says which merges were cut off, beside something else: where git cannot be asked, that is not the place to say so.
pub fn tell(printer: &Printer, layout: &Layout) {
    for cut_off in found(layout).unwrap_or_default() {
        printer.tell(&format!("{}: {}", cut_off.what, cut_off.way_out));
    }
}

/// Refuses to begin work in a folder that holds half of a merge: it would be taken for the user's own.
pub fn refuse(layout: &Layout) -> Result<()> {
    // Where this is no repository of git's, whoever needs one says so.
    match found(layout).unwrap_or_default().into_iter().find(|cut_off| cut_off.is_here) {
        Some(CutOff { what, way_out, .. }) => {
            let message = format!("{what}, and half of it may lie in the folder");
            Err(Problem::refused("cut_off", message).hint(way_out).into())
        }
        None => Ok(()),
    }
}
