//! Heap samples, from jemalloc: every so many bytes of allocation one stack is noted until it is freed.
//!
//! The binary must use jemalloc and start with `prof:true` among its options; `prof_active:true` samples from the start.

use std::time::Duration;

use http::StatusCode;
use jemalloc_pprof::{JemallocProfCtl, PROF_CTL};

use super::{Refused, refused};

const OFF: &str = "heap profiling is off in this process; start it with the environment variable \
                   _RJEM_MALLOC_CONF=prof:true,prof_active:false,lg_prof_sample:19 and ask again with ?seconds=10, \
                   or with prof_active:true to sample from the start";

/// Gzipped protobuf of the samples that live: since the start, or since `time` ago.
pub(super) async fn dump(time: Option<Duration>) -> Result<Vec<u8>, Refused> {
    let Some(control) = PROF_CTL.as_ref() else { return Err(refused(StatusCode::NOT_IMPLEMENTED, OFF)) };
    let mut control = control.clone().lock_owned().await;
    let always = control.activated();
    match time {
        Some(_) if always => {
            let sentence =
                "heap sampling is always on in this process; ask without 'seconds' for all that lives";
            return Err(refused(StatusCode::BAD_REQUEST, sentence));
        }
        Some(time) => {
            control.activate().map_err(failed)?;
            tokio::time::sleep(time).await;
        }
        None if !always => {
            let sentence =
                "heap sampling is not always on in this process; ask with ?seconds=10 to sample for a while";
            return Err(refused(StatusCode::NOT_IMPLEMENTED, sentence));
        }
        None => {}
    }
    let dumped = tokio::task::spawn_blocking(move || {
        let dumped = control.dump_pprof();
        let stopped = if always { Ok(()) } else { stop(&mut control) };
        dumped.map_err(failed).and_then(|profile| stopped.map(|()| profile))
    });
    dumped.await.map_err(failed)?
}

fn stop(control: &mut JemallocProfCtl) -> Result<(), Refused> {
    control.deactivate().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Refused {
    refused(StatusCode::INTERNAL_SERVER_ERROR, format!("no heap profile: {error}"))
}
