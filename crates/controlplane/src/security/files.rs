//! Certificates of the xDS port from files that somebody else keeps fresh: cert-manager, a mounted Secret, a person.

use std::path::Path;
use std::time::Duration;

use clearway_xds::ServerTls;

/// How often the files are read. Mounted Secrets change by links, which not every file system tells of.
const LOOK: Duration = Duration::from_secs(10);

/// Reads the files at first and whenever their content differs, and hands on what comes of it.
pub(super) async fn follow(
    certificate: &Path,
    key: &Path,
    client_ca: &Path,
    mut take: impl FnMut(Result<ServerTls, String>),
) {
    let mut last = None;
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        ticks.tick().await;
        let read = read(certificate, key, client_ca).await;
        if last.as_ref() == Some(&read) {
            continue;
        }
        take(read.clone().and_then(|[certificate, key, roots]| {
            ServerTls::from_pem(&roots, &certificate, &key).map_err(|error| error.to_string())
        }));
        last = Some(read);
    }
}

async fn read(certificate: &Path, key: &Path, client_ca: &Path) -> Result<[Vec<u8>; 3], String> {
    let paths = [certificate, key, client_ca].map(Path::to_owned);
    let reading = tokio::task::spawn_blocking(move || {
        let [certificate, key, client_ca] =
            paths.map(|path| std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display())));
        Ok([certificate?, key?, client_ca?])
    });
    reading.await.map_err(|error| error.to_string())?
}
