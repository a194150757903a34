//! JSON copies of a run for people and programs: `manifest.json` and `tasks.json`.
//!
//! They are made from the run and never read back. A reader sees a whole file, though perhaps an older one.

use super::StoreError;
use super::atomic_file;
use super::layout::RunPaths;
use super::queries::ArtifactRow;
use crate::domain::run::{Run, RunStatus};
use crate::domain::task::{Attempt, Task};
use crate::domain::time::Time;
use crate::domain::usage::Usage;
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::Value;

/// Of both files; a reader that knows another one has to look twice.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    run_id: &'a str,
    team: &'a str,
    workflow: &'a str,
    goal: &'a str,
    status: RunStatus,
    workspace_mode: &'static str,
    created_at: Time,
    updated_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
    artifacts: Vec<ArtifactCopy<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactCopy<'a> {
    kind: &'a str,
    path: String,
    created_at: Time,
    producer: &'a str,
    size_bytes: u64,
    content_hash: String,
    retention: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TasksFile<'a> {
    schema_version: u32,
    #[serde(serialize_with = "each_task")]
    tasks: &'a Run,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TaskCopy<'a> {
    id: &'a str,
    run_id: &'a str,
    step_id: &'a str,
    role: &'a str,
    agent: &'a str,
    status: &'a str,
    depends_on: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_artifact: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<&'a Usage>,
    #[serde(skip_serializing_if = "str::is_empty")]
    summary: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
    attempts: Vec<AttemptCopy<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptCopy<'a> {
    attempt_id: String,
    status: &'a str,
    started_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

/// Writes both copies. `owned` tells whether a dispatcher goes on with the run.
pub fn write(
    paths: &RunPaths,
    run: &Run,
    artifacts: &[ArtifactRow],
    owned: bool,
    now: Time,
) -> Result<(), StoreError> {
    write_json(&paths.manifest(), &manifest_of(run, artifacts, owned, now))?;
    write_json(&paths.tasks(), &TasksFile { schema_version: SCHEMA_VERSION, tasks: run })
}

/// Returns both copies as they would be written now, manifest and tasks.
pub fn rendered(
    run: &Run,
    artifacts: &[ArtifactRow],
    owned: bool,
    now: Time,
) -> serde_json::Result<(Value, Value)> {
    // By way of text, as a file is read, so that numbers come out the same.
    let manifest = serde_json::to_vec(&manifest_of(run, artifacts, owned, now))?;
    let tasks = serde_json::to_vec(&TasksFile { schema_version: SCHEMA_VERSION, tasks: run })?;
    Ok((serde_json::from_slice(&manifest)?, serde_json::from_slice(&tasks)?))
}

/// Tells whether a copy says nothing else than the one that would be written now. An older crew may have said less.
pub fn agrees(copy: &Value, now: &Value) -> bool {
    match (copy, now) {
        (Value::Object(copy), Value::Object(now)) => copy.iter().all(|(name, said)| {
            // When it was written says nothing about the run.
            name == "updatedAt" || now.get(name).is_some_and(|now| agrees(said, now))
        }),
        (Value::Array(copy), Value::Array(now)) => {
            copy.len() == now.len() && copy.iter().zip(now).all(|(copy, now)| agrees(copy, now))
        }
        (copy, now) => copy == now,
    }
}

fn manifest_of<'a>(run: &'a Run, artifacts: &'a [ArtifactRow], owned: bool, now: Time) -> Manifest<'a> {
    Manifest {
        schema_version: SCHEMA_VERSION,
        run_id: run.id.as_str(),
        team: &run.team,
        workflow: &run.workflow,
        goal: &run.goal,
        status: run.status(owned),
        workspace_mode: if run.base.is_some() { "worktree" } else { "single" },
        created_at: run.created_at,
        updated_at: now,
        ended_at: run.ended_at,
        artifacts: artifacts.iter().map(artifact_copy).collect(),
    }
}

fn write_json(path: &std::path::Path, value: &impl Serialize) -> Result<(), StoreError> {
    atomic_file::write_with(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        std::io::Write::write_all(file, b"\n")
    })
}

/// Streams the tasks, so that ten thousand of them are not held twice.
fn each_task<S: Serializer>(run: &&Run, serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(run.tasks.len()))?;
    for task in &run.tasks {
        list.serialize_element(&task_copy(run, task))?;
    }
    list.end()
}

fn artifact_copy(row: &ArtifactRow) -> ArtifactCopy<'_> {
    ArtifactCopy {
        kind: &row.kind,
        path: format!("artifacts/{}", row.path),
        created_at: row.at,
        producer: row.task.as_deref().unwrap_or("crew"),
        size_bytes: row.bytes,
        content_hash: format!("sha256:{}", row.sha256),
        retention: "run",
    }
}

fn task_copy<'a>(run: &'a Run, task: &'a Task) -> TaskCopy<'a> {
    let last = task.last();
    TaskCopy {
        id: task.spec.id.as_str(),
        run_id: run.id.as_str(),
        step_id: task.spec.id.as_str(),
        role: task.spec.role(),
        agent: task.spec.program(),
        status: task.state.name(),
        depends_on: task.spec.depends_on.iter().map(|id| id.as_str()).collect(),
        log_artifact: last.map(|attempt| attempt.log.as_str()),
        started_at: task.attempts.first().map(|attempt| attempt.started_at),
        finished_at: last.filter(|_| task.state.is_settled()).and_then(|attempt| attempt.ended_at),
        exit_code: last.and_then(|attempt| attempt.ending.exit),
        model: last.and_then(|attempt| attempt.model.as_deref()),
        usage: last.map(|attempt| &attempt.usage).filter(|usage| **usage != Usage::default()),
        summary: last.map_or("", |attempt| &attempt.summary),
        error: &task.reason,
        attempts: task.attempts.iter().map(|attempt| attempt_copy(run, task, attempt)).collect(),
    }
}

fn attempt_copy<'a>(run: &Run, task: &Task, attempt: &'a Attempt) -> AttemptCopy<'a> {
    AttemptCopy {
        attempt_id: format!("{}:{}:attempt-{}", run.id, task.spec.id, attempt.number),
        status: attempt.state.name(),
        started_at: attempt.started_at,
        ended_at: attempt.ended_at,
        error_kind: attempt.error_kind.map(|kind| kind.name()),
        error: &attempt.reason,
    }
}
