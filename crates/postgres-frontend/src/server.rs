//! Accepts connections, as many as are allowed, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::Engine;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::control::Registry;
use crate::error::Error;
use crate::session::Connection;
use crate::wire::{Channel, Opening, error_response, read_opening};

/// How many sessions there may be at once.
const SESSIONS_MAX: usize = 1_000;
/// Sockets beyond the sessions: those that are just opening, and cancel requests, which must always get through.
const SOCKETS_EXTRA: usize = 100;
/// How long a client may take for its startup messages.
const STARTUP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long sessions have to say goodbye when the server stops.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait when no more sockets can be accepted, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Server {
    engine: Arc<Engine>,
    registry: Arc<Registry>,
    sessions: Arc<Semaphore>,
    shutdown: watch::Receiver<bool>,
}

/// Serves Postgres clients until `shutdown` becomes true, then ends all sessions and returns. What fails
/// on one connection ends only that one.
pub async fn serve(listener: TcpListener, engine: Arc<Engine>, mut shutdown: watch::Receiver<bool>) {
    let server = Arc::new(Server {
        engine,
        registry: Arc::default(),
        sessions: Arc::new(Semaphore::new(SESSIONS_MAX)),
        shutdown: shutdown.clone(),
    });
    let sockets = Arc::new(Semaphore::new(SESSIONS_MAX + SOCKETS_EXTRA));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            () = stopped(&mut shutdown) => break,
            Some(ended) = tasks.join_next() => report_panic(ended),
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let Ok(permit) = Arc::clone(&sockets).try_acquire_owned() else {
                        tracing::warn!(%peer, "connection refused: too many sockets");
                        continue;
                    };
                    let server = Arc::clone(&server);
                    tasks.spawn(async move {
                        server.handle(socket, peer).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drain = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_TIMEOUT, drain).await.is_err() {
        tracing::warn!("sessions did not end in time");
        tasks.shutdown().await;
    }
}

/// Returns when the server is to stop.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good a reason to stop.
    let _ = shutdown.wait_for(|stop| *stop).await;
}

fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

impl Server {
    async fn handle(&self, socket: TcpStream, peer: SocketAddr) {
        let mut channel = match Channel::new(socket) {
            Ok(channel) => channel,
            Err(error) => return tracing::debug!(%peer, %error, "connection lost"),
        };
        let opened = tokio::time::timeout(STARTUP_TIMEOUT, read_opening(&mut channel)).await;
        let ended = match opened {
            Err(_) => Err(Error::protocol("the client took too long to start")),
            Ok(Err(error)) => Err(error),
            Ok(Ok(Opening::Cancel { process_id, secret_key })) => {
                self.registry.cancel(process_id, &secret_key);
                Ok(())
            }
            Ok(Ok(Opening::Session(parameters))) => return self.run(channel, peer, parameters).await,
        };
        farewell(channel, peer, ended).await;
    }

    async fn run(&self, channel: Channel, peer: SocketAddr, parameters: std::collections::BTreeMap<String, String>) {
        let mut channel = channel;
        let started = match self.admit(peer) {
            Ok(permit) => {
                let control =
                    |process_id, canceller| self.registry.register(process_id, canceller, self.shutdown.clone());
                Connection::start(&mut channel, &self.engine, control, parameters)
                    .await
                    .map(|connection| (connection, permit))
            }
            Err(error) => Err(error),
        };
        match started {
            Ok((mut connection, _permit)) => {
                tracing::debug!(%peer, "session started");
                let ended = connection.run(&mut channel).await;
                drop(connection);
                farewell(channel, peer, ended).await;
            }
            Err(error) => farewell(channel, peer, Err(error)).await,
        }
    }

    fn admit(&self, peer: SocketAddr) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        if !peer.ip().to_canonical().is_loopback() {
            let message = format!(
                "connections from {} are refused: only this machine may connect, as there are no passwords yet",
                peer.ip()
            );
            return Err(Error::Fatal { code: "28000", message });
        }
        Arc::clone(&self.sessions)
            .try_acquire_owned()
            .map_err(|_| Error::Fatal { code: "53300", message: "sorry, too many clients already".into() })
    }
}

/// Tells the client why its connection ends, if it is still there, and closes it.
async fn farewell(mut channel: Channel, peer: SocketAddr, ended: Result<(), Error>) {
    match ended {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(Error::Connection(error)) => return tracing::debug!(%peer, %error, "connection lost"),
        Err(error) => {
            tracing::debug!(%peer, %error, "connection ended");
            if channel.put(error_response(&error, "FATAL")).is_err() {
                return;
            }
        }
    }
    // A client that does not read must not hold up the server's end.
    let _ = tokio::time::timeout(Duration::from_secs(1), channel.close()).await;
}
