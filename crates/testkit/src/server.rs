//! A real server process on a free loopback port, with a directory of its own, that ends with its
//! owner.
//!
//! Knows the command line and the ready line of `freshet`; nothing of its insides.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// How many of the last lines of a server's log are kept.
const LOG_LINES_MAX: usize = 500;

/// A running server.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: SocketAddr,
    log: Log,
    /// Reads its errors to their end.
    errors: Option<JoinHandle<()>>,
    directory: TempDir,
}

/// The last lines that a server wrote.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<VecDeque<String>>>);

impl Server {
    /// Starts `binary` on a free port with further `arguments`, and returns when it says that it is
    /// ready.
    ///
    /// # Errors
    /// If it cannot be started or ends before it is ready; its log is in the error.
    pub fn start(binary: &Path, arguments: &[&str]) -> Result<Server> {
        Server::start_with(binary, arguments, &[])
    }

    /// As [`Server::start`], with variables in its environment.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_with(binary: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Server> {
        Server::spawn("127.0.0.1:0", binary, arguments, environment)
    }

    /// As [`Server::start`], at a given address.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_at(listen: &str, binary: &Path, arguments: &[&str]) -> Result<Server> {
        Server::spawn(listen, binary, arguments, &[])
    }

    fn spawn(listen: &str, binary: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Server> {
        let directory = tempfile::tempdir().context("cannot make a directory for the server")?;
        let mut process = Command::new(binary)
            .args(["serve", "--listen", listen, "--console", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path().join("data"))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let log = Log::default();
        let errors = process.stderr.take().map(|stderr| log.follow(BufReader::new(stderr)));
        let stdout = process.stdout.take().context("the server has no stdout")?;
        match await_ready(BufReader::new(stdout), &log) {
            Ok(address) => Ok(Server { process, address, log, errors, directory }),
            Err(error) => {
                // It may be alive yet; what counts is the first error.
                let _ = process.kill();
                let _ = process.wait();
                Err(error.context(format!("the server did not start; it wrote:\n{}", log.text())))
            }
        }
    }

    /// Where it listens for Postgres clients.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A directory that lives as long as the server.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// The most memory that it has ever had, in bytes.
    ///
    /// # Errors
    /// If the system does not tell, which only Linux does.
    pub fn memory_most(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak of memory")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kibibytes * 1024)
    }

    /// The last lines it wrote to its log.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// How to connect to it.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.host(self.address.ip().to_string()).port(self.address.port()).user("dev").dbname("dev");
        config
    }

    /// A new connection, driven in the background of the runtime that calls.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn connect(&self) -> Result<Client> {
        let (client, connection) = self.config().connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Waits until it ends by itself; how, and the last lines of its log.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn wait(mut self) -> Result<(ExitStatus, String)> {
        let status = self.process.wait()?;
        if let Some(errors) = self.errors.take() {
            errors.join().map_err(|_| anyhow!("the log could not be read"))?;
        }
        Ok((status, self.log.text()))
    }

    /// Asks it to shut down (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn stop(mut self) -> Result<ExitStatus> {
        let status = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        if !status.success() {
            bail!("cannot signal the server: {status}");
        }
        Ok(self.process.wait()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is no concern of ours any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The binary `name` beside the running one (or one directory up, for tests).
///
/// # Errors
/// If there is none.
pub fn binary_beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    own.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| anyhow!("there is no binary \"{name}\" beside {}", own.display()))
}

/// Reads the server's output up to the line that says where it listens, and leaves a thread to
/// read on.
fn await_ready(mut stdout: BufReader<impl Read + Send + 'static>, log: &Log) -> Result<SocketAddr> {
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line)? == 0 {
            bail!("it ended");
        }
        let address = address_in(&line);
        log.push(line);
        if let Some(address) = address {
            log.follow(stdout);
            return Ok(address);
        }
    }
}

/// The address in a line like `freshet is ready: psql -h 127.0.0.1 -p 4566`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let command = line.split_once("ready: psql ")?.1;
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |option: &str| words.windows(2).find(|pair| pair[0] == option).map(|pair| pair[1]);
    Some(SocketAddr::new(after("-h")?.parse().ok()?, after("-p")?.parse().ok()?))
}

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Reads on until the pipe is closed, so that the server never waits for us.
    fn follow(&self, mut pipe: BufReader<impl Read + Send + 'static>) -> JoinHandle<()> {
        let log = self.clone();
        std::thread::spawn(move || {
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                log.push(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        })
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect()
    }
}
