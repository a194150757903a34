//! `crew metrics --serve`, `--textfile` and `--otlp`: metrics for other programs.

use crate::commands::context::Context;
use crate::commands::exit::{ExitStatus, Problem};
use crate::commands::telemetry;
use crate::domain::id::RunId;
use crate::domain::words::clean_line;
use crate::metrics::files;
use crate::metrics::registry::Snapshot;
use crate::metrics::serve::{self, TextFormat};
use crate::metrics::text;
use crate::runner::clock;
use crate::runner::signals;
use crate::store::database::Store;
use crate::store::layout::Layout;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long what was measured is served to those who ask again.
const FRESH: Duration = Duration::from_secs(1);

/// Where metrics go instead of to people.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct ExportArgs {
    /// Answer Prometheus at this address until ctrl-C: 127.0.0.1:9464, or only a port
    ///
    /// GET /metrics and GET /healthz, without a password: at another address than one of this machine's own, everybody
    /// who can reach it reads them.
    #[arg(
        long, value_name = "ADDR", value_parser = read_address,
        conflicts_with_all = ["filter", "run", "window", "format", "watch", "compare"],
    )]
    serve: Option<SocketAddr>,

    /// Write all metrics to a file for the textfile collector of node_exporter; its name ends in .prom, and
    /// `{repository}` in it stands for this repository
    #[arg(
        long, value_name = "FILE", value_parser = read_textfile, value_hint = clap::ValueHint::FilePath,
        conflicts_with_all = ["filter", "run", "window", "format", "watch", "compare"],
    )]
    textfile: Option<String>,

    /// Send all metrics to the OpenTelemetry collector of the settings (otlp.endpoint), and with --run or --window the
    /// traces of these runs
    #[arg(long, conflicts_with_all = ["filter", "format", "watch", "compare"])]
    otlp: bool,
}

/// Reads an address; a port alone is one of this machine's own.
fn read_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let address = named.as_deref().unwrap_or(text).parse();
    address.map_err(|_| "it is no address such as 127.0.0.1:9464 or [::1]:9464".to_owned())
}

fn read_textfile(text: &str) -> Result<String, String> {
    match text.ends_with(".prom") {
        true => Ok(text.to_owned()),
        false => Err("node_exporter only reads files whose names end in .prom".to_owned()),
    }
}

impl ExportArgs {
    /// Tells whether metrics go anywhere but to people.
    pub fn is_wanted(&self) -> bool {
        self.serve.is_some() || self.textfile.is_some() || self.otlp
    }

    /// Lets metrics go where they are to go; with --otlp, the traces of `runs` too.
    pub fn export(
        &self,
        cx: &Context,
        runs: impl FnOnce(&Store) -> Result<Vec<RunId>>,
    ) -> Result<ExitStatus> {
        if let Some(address) = self.serve {
            return serve_at(cx, address);
        }
        if let Some(path) = &self.textfile {
            return write(cx, path);
        }
        let mut store = cx.store()?;
        let runs = runs(&store)?;
        telemetry::send(cx, &mut store, &runs)
    }
}

/// Measures what there is; before the first run, that is nothing.
fn measured(layout: &Layout) -> Result<Snapshot> {
    match Store::open_existing(layout)? {
        Some(mut store) => Ok(telemetry::everything(&mut store)?.0),
        None => Ok(Snapshot { at: clock::now(), ..Snapshot::default() }),
    }
}

fn write(cx: &Context, path: &str) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    let snapshot = measured(&layout)?;
    let series = snapshot.series.len();
    let path = &files::textfile_of(path, layout.repository());
    telemetry::write_textfile(path, &snapshot, &layout)?;
    match cx.printer.json {
        true => cx.printer.json(&json!({"path": path, "series": series}))?,
        false => cx.printer.data(&format!("{series} series written to {}", path.display()))?,
    }
    Ok(ExitStatus::Done)
}

fn serve_at(cx: &Context, address: SocketAddr) -> Result<ExitStatus> {
    let layout = cx.layout()?;
    // Before anybody is told that it works.
    measured(&layout)?;
    let listener = TcpListener::bind(address).map_err(|error| {
        Problem {
            exit: ExitStatus::Refused,
            ..Problem::usage("address", format!("nothing can listen at {address}: {error}"))
        }
        .hint("name another address or port, or 0 for any that is free")
    })?;
    let address = listener.local_addr().context("find out the address")?;
    let stop = signals::wish_to_stop().context("listen to ctrl-C")?;
    if !address.ip().is_loopback() {
        cx.printer.warn(&format!(
            "warning: everybody who can reach {address} reads the metrics of this repository"
        ));
    }
    match cx.printer.json {
        true => cx.printer.json(&json!({"address": address.to_string(), "path": "/metrics"}))?,
        false => cx.printer.data(&format!("http://{address}/metrics"))?,
    }
    cx.printer.tell("ctrl-C ends it");
    let last: Mutex<Option<(Instant, Snapshot)>> = Mutex::new(None);
    let measure = |format: TextFormat| {
        // One reads the store, and those who ask meanwhile get the same.
        let mut last = last.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH) {
            let snapshot = measured(&layout).map_err(|error| clean_line(&format!("{error:#}"), 300))?;
            *last = Some((Instant::now(), snapshot));
        }
        let snapshot = last.as_ref().map(|(_, snapshot)| snapshot);
        let snapshot = snapshot.ok_or("nothing is measured")?;
        Ok(match format {
            TextFormat::Prometheus => text::prometheus(snapshot),
            TextFormat::OpenMetrics => text::openmetrics(snapshot),
        })
    };
    serve::serve(&listener, &stop, &measure).context("serve")?;
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_port_of_this_machine() {
        let read = |text: &str| read_address(text).map(|address| address.to_string());
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("localhost:0", "127.0.0.1:0"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:2", "[::1]:2"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "x", "70000", "127.0.0.1", "example.org:1", "localhost:x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
