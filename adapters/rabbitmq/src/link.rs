//! One connection. It opens within its limit or not at all, and when it is dropped, opened or not, it
//! is cut: a client library that waits for a frozen or alarmed broker would keep its thread and its
//! buffers.

use std::{
    fmt,
    future::Future,
    io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{
    AsyncTcpStream, Channel, Connection, ConnectionProperties,
    runtime::default_runtime,
    tcp::{AMQPUriTcpExt, OwnedTLSConfig},
    uri::AMQPUri,
};
use tokio::time::timeout;

use crate::{
    errors::{self, TopologyError},
    url::BrokerUrl,
};

pub(crate) struct Link {
    // Dropped before the connection, which would wait for the broker's farewell.
    socket: Cut,
    connection: Connection,
    broker: String,
    limit: Duration,
}

/// A second handle on the connection's socket, there once it is connected.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<SocketState>>);

#[derive(Default)]
struct SocketState {
    stream: Option<TcpStream>,
    cut: bool,
}

impl Socket {
    fn connected(&self, stream: TcpStream) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.stream = Some(stream);
        if state.cut {
            shut(&state);
        }
    }

    /// Now, or as soon as it is connected.
    fn cut(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.cut = true;
        shut(&state);
    }
}

fn shut(state: &SocketState) {
    if let Some(stream) = &state.stream {
        // Fails only where the other side was faster.
        stream.shutdown(Shutdown::Both).ok();
    }
}

/// Cuts its socket when it is dropped: so does an opening that nobody waits for any more.
struct Cut(Socket);

impl Drop for Cut {
    fn drop(&mut self) {
        self.0.cut();
    }
}

impl Link {
    /// Connects. `name` is what the broker's management page shows.
    ///
    /// # Errors
    /// [`TopologyError`] when it is refused, or not there within `limit`.
    pub(crate) async fn open(url: &BrokerUrl, name: &str, limit: Duration) -> Result<Self, TopologyError> {
        let broker = url.to_string();
        let socket = Cut(Socket::default());
        let connected = timeout(limit, connect(url, name, limit, socket.0.clone())).await;
        let connection = connected
            .map_err(|_| TopologyError::late(&broker, limit))?
            .map_err(|error| TopologyError::of_connecting(&broker, &error))?;
        Ok(Self { socket, connection, broker, limit })
    }

    pub(crate) async fn channel(&self) -> Result<Channel, TopologyError> {
        self.within("opening a channel", self.connection.create_channel()).await.map_err(TopologyError::Unavailable)
    }

    /// Waits for an answer of this connection.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(crate) async fn within<T>(
        &self,
        what: &str,
        answer: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T, String> {
        match timeout(self.limit, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(format!("{}: {what}: {}", self.broker, errors::said(&error))),
            Err(_) => Err(format!("{}: {}", self.broker, errors::late(what, self.limit))),
        }
    }

    /// Seconds between two signs of life, as was agreed with the broker; 0: there are none.
    pub(crate) fn heartbeat(&self) -> u16 {
        self.connection.configuration().heartbeat()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// The broker takes no publications now (memory or disk alarm).
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_connected() && self.connection.status().blocked()
    }

    /// Whatever waits for this connection fails now.
    pub(crate) fn cut(&self) {
        self.socket.0.cut();
    }

    /// Closes it in good order, within the limit.
    pub(crate) async fn close(self) {
        let closed = self.within("closing the connection", self.connection.close(200, "OK".into())).await;
        if let Err(error) = closed {
            tracing::debug!(%error, "the connection is cut instead of closed");
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("broker", &self.broker).field("connected", &self.is_connected()).finish()
    }
}

/// No automatic recovery: by default the library neither retries nor recovers.
async fn connect(url: &BrokerUrl, name: &str, limit: Duration, socket: Socket) -> lapin::Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connector(
        url.uri().clone(),
        default_runtime()?,
        // Spelled out in place: the runtime's type has no public name.
        async move |uri: AMQPUri, runtime| {
            let config = OwnedTLSConfig::default();
            let connected = uri.connect_with_config_async(config.as_ref(), &runtime);
            // The library's thread would go on trying for minutes after nobody waits any more.
            let stream = timeout(limit, connected).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            if let AsyncTcpStream::Plain(plain) = &stream {
                let second = plain.get_ref().as_fd().try_clone_to_owned()?;
                socket.connected(TcpStream::from(second));
            }
            Ok(stream)
        },
        properties,
    )
    .await
}
