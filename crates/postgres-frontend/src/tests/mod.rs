//! A real engine behind a real socket, asked by a real client, and by one that breaks the protocol.

mod driver;
mod protocol;
mod raw;

use std::net::SocketAddr;
use std::sync::Arc;

use engine::{Config, Engine};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A server of a test's own.
struct Server {
    address: SocketAddr,
    engine: Arc<Engine>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let config = Config { workers: 1, memory_bytes: 1 << 30, data_dir: None };
        let engine = Engine::start(config).expect("the engine starts");
        engine.extend(crate::extension(&engine));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (stop, shutdown) = watch::channel(false);
        let task = tokio::spawn(crate::serve(listener, Arc::clone(&engine), shutdown));
        Self { address, engine, stop, task }
    }

    /// Ends the server, which must be able to.
    async fn end(self) {
        self.stop.send_replace(true);
        self.task.await.expect("no panic");
        self.engine.shutdown();
    }
}
