//! A real kube-apiserver with a real etcd on loopback, with the Gateway API installed. Both end with the value.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kube::config::AuthInfo;
use kube::{Client, Config};

use crate::rest::Rest;

const TOKEN: &str = "a-token-for-tests";

pub(crate) struct ApiServer {
    processes: Vec<Child>,
    /// Holds keys and the log of both.
    folder: PathBuf,
    pub(crate) client: Client,
    pub(crate) rest: Rest,
}

impl ApiServer {
    /// Starts both and waits until they answer.
    pub(crate) async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("clearway-apiserver-{}", fastrand::u64(..)));
        std::fs::create_dir_all(&folder).unwrap();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        std::fs::write(file("tokens"), format!("{TOKEN},admin,1,system:masters\n")).unwrap();
        std::fs::write(file("token"), TOKEN).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(file("sa.key"), key.serialize_pem()).unwrap();
        std::fs::write(file("sa.pub"), key.public_key_pem()).unwrap();
        let [client_port, peer_port, port] = free_ports();
        let peer = format!("http://127.0.0.1:{peer_port}");
        let etcd = format!("http://127.0.0.1:{client_port}");
        let mut processes = vec![spawn(
            &folder,
            "etcd",
            &[
                format!("--data-dir={}", file("etcd")),
                format!("--listen-client-urls={etcd}"),
                format!("--advertise-client-urls={etcd}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster=default={peer}"),
                "--unsafe-no-fsync".to_owned(),
            ],
        )];
        processes.push(spawn(
            &folder,
            "kube-apiserver",
            &[
                format!("--etcd-servers={etcd}"),
                format!("--secure-port={port}"),
                "--bind-address=127.0.0.1".to_owned(),
                "--advertise-address=127.0.0.1".to_owned(),
                format!("--cert-dir={}", file("certificates")),
                format!("--token-auth-file={}", file("tokens")),
                "--authorization-mode=AlwaysAllow".to_owned(),
                "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
                "--service-account-issuer=https://localhost".to_owned(),
                format!("--service-account-key-file={}", file("sa.pub")),
                format!("--service-account-signing-key-file={}", file("sa.key")),
            ],
        ));
        let mut config = Config::new(format!("https://127.0.0.1:{port}").parse().unwrap());
        config.accept_invalid_certs = true;
        config.auth_info = AuthInfo { token_file: Some(file("token")), ..AuthInfo::default() };
        let client = Client::try_from(config).unwrap();
        let mut server = Self { processes, folder, rest: Rest::new(client.clone()), client };
        server.ready().await;
        server.install(port);
        server
    }

    async fn ready(&mut self) {
        let (rest, processes) = (&self.rest, &mut self.processes);
        let answers = async {
            // A namespace that the apiserver makes itself at the end of its start.
            while rest.get("/api/v1/namespaces/default").await.is_err() {
                let ended = processes.iter_mut().any(|process| process.try_wait().unwrap().is_some());
                if ended {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            true
        };
        let ready = tokio::time::timeout(Duration::from_secs(120), answers).await;
        let log = || std::fs::read_to_string(self.folder.join("kube-apiserver.log")).unwrap();
        assert!(ready == Ok(true), "the apiserver is not ready: {}", log());
    }

    /// Installs the custom resource definitions of the Gateway API.
    fn install(&self, port: u16) {
        let crds = tool("gateway-api").parent().unwrap().parent().unwrap().join("crd/standard.yaml");
        let kubectl = |arguments: &[&str]| {
            let output = Command::new(tool("kubectl"))
                .args([format!("--server=https://127.0.0.1:{port}"), format!("--token={TOKEN}")])
                .args(["--insecure-skip-tls-verify", "--kubeconfig=/dev/null"])
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        };
        kubectl(&["apply", "--server-side", "-f", crds.to_str().unwrap()]);
        kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            process.kill().ok();
            process.wait().ok();
        }
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn spawn(folder: &Path, name: &str, arguments: &[String]) -> Child {
    let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(tool(name));
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// A tool that `tests/tools/install` has built.
fn tool(name: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/tools/path");
    let output = Command::new(script).arg(name).output().unwrap();
    assert!(
        output.status.success(),
        "{name} is not installed: run `tests/tools/install kubernetes etcd gateway-api`. {}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// Three ports that nobody listens on now.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
