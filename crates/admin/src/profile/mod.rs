//! Profiles on demand: where the CPU time goes and who holds the memory, in the format of `go tool pprof`.
//!
//! One profile at a time: both share the process's one signal timer or its one heap sampler. Symbols are looked up here,
//! so the file is complete without the binary.

#[cfg(feature = "profiling")]
mod cpu;
#[cfg(feature = "profiling")]
mod heap;
#[cfg(feature = "profiling")]
mod pprof;

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use tokio::sync::Semaphore;

use crate::answer;

/// The right to profile; there is one.
#[derive(Clone, Debug)]
pub(crate) struct Turn(
    #[cfg_attr(not(feature = "profiling"), allow(dead_code, reason = "nobody takes it"))] Arc<Semaphore>,
);

impl Default for Turn {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// Why there is no profile.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    sentence: String,
}

impl From<Refused> for Response {
    fn from(refused: Refused) -> Self {
        answer::error(refused.status, refused.sentence)
    }
}

fn refused(status: StatusCode, sentence: impl Into<String>) -> Refused {
    Refused { status, sentence: sentence.into() }
}

#[cfg(feature = "profiling")]
mod enabled {
    use std::time::Duration;

    use axum::response::Response;
    use http::StatusCode;
    use http::header::CONTENT_DISPOSITION;
    use tokio::sync::OwnedSemaphorePermit;

    use super::{Refused, Turn, cpu, heap, refused};
    use crate::answer;
    use crate::query::Query;

    /// Seconds that a profile may take.
    const SECONDS: (u32, u32) = (1, 300);
    /// Samples per second of CPU time; kernels tick 100 to 1000 times a second, and the timer is no finer.
    const FREQUENCY: (u32, u32) = (1, 250);

    /// A CPU profile of `?seconds=` (10) at `?frequency=` (99), as `?format=` pprof or folded stacks.
    pub(crate) async fn cpu_profile(turn: &Turn, query: Option<&str>) -> Result<Response, Refused> {
        let bad = |sentence: String| refused(StatusCode::BAD_REQUEST, sentence);
        let query = Query::parse(query, &["seconds", "frequency", "format"]).map_err(bad)?;
        let seconds = query.number("seconds", SECONDS).map_err(bad)?.unwrap_or(10);
        let frequency = query.number("frequency", FREQUENCY).map_err(bad)?.unwrap_or(99);
        let folded = match query.get("format") {
            None | Some("pprof") => false,
            Some("folded") => true,
            Some(_) => return Err(bad("format is pprof or folded".to_owned())),
        };
        let turn = take(turn)?;
        let stacks = cpu::sample(Duration::from_secs(seconds.into()), frequency).await?;
        // The turn goes along: who leaves early must not let a second lookup of symbols begin.
        let answer = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            if folded {
                answer::bytes(StatusCode::OK, "text/plain; charset=utf-8", stacks.folded().into_bytes())
            } else {
                file(stacks.pprof(), "attachment; filename=\"cpu.pb.gz\"")
            }
        });
        answer.await.map_err(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
    }

    /// A heap profile: of all that lives when sampling is always on, else of what `?seconds=` of sampling saw.
    pub(crate) async fn heap_profile(turn: &Turn, query: Option<&str>) -> Result<Response, Refused> {
        let bad = |sentence: String| refused(StatusCode::BAD_REQUEST, sentence);
        let query = Query::parse(query, &["seconds"]).map_err(bad)?;
        let seconds = query.number("seconds", SECONDS).map_err(bad)?;
        let turn = take(turn)?;
        let time = seconds.map(|seconds| Duration::from_secs(seconds.into()));
        // A task of its own: sampling must be switched off again even when the client leaves.
        let dump = tokio::spawn(async move {
            let _turn = turn;
            heap::dump(time).await
        });
        let dumped =
            dump.await.map_err(|error| refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok(file(dumped?, "attachment; filename=\"heap.pb.gz\""))
    }

    fn take(turn: &Turn) -> Result<OwnedSemaphorePermit, Refused> {
        turn.0.clone().try_acquire_owned().map_err(|_| {
            refused(StatusCode::CONFLICT, "another profile is being taken; ask again when it is ready")
        })
    }

    fn file(body: Vec<u8>, disposition: &'static str) -> Response {
        let response = answer::bytes(StatusCode::OK, "application/octet-stream", body);
        answer::with(response, CONTENT_DISPOSITION, disposition)
    }
}

#[cfg(feature = "profiling")]
pub(crate) use enabled::{cpu_profile, heap_profile};

#[cfg(not(feature = "profiling"))]
mod disabled {
    use super::*;

    const SENTENCE: &str =
        "this binary was built without the feature 'profiling'; build it with the default features";

    /// 501.
    pub(crate) async fn cpu_profile(_: &Turn, _: Option<&str>) -> Result<Response, Refused> {
        Err(refused(StatusCode::NOT_IMPLEMENTED, SENTENCE))
    }

    /// 501.
    pub(crate) async fn heap_profile(_: &Turn, _: Option<&str>) -> Result<Response, Refused> {
        Err(refused(StatusCode::NOT_IMPLEMENTED, SENTENCE))
    }
}

#[cfg(not(feature = "profiling"))]
pub(crate) use disabled::{cpu_profile, heap_profile};
