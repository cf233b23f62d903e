//! The listener: connections that can be cut without an answer, and a port that can go dark and stay ours.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
};

const BACKLOG: u32 = 1024;
const AGAIN: Duration = Duration::from_millis(20);

/// Turns the line dark and light; kept by the double.
#[derive(Debug, Clone)]
pub(crate) struct Switch {
    wanted: Arc<watch::Sender<bool>>,
    is: watch::Receiver<bool>,
    wires: Arc<Mutex<Vec<Weak<Cut>>>>,
}

impl Switch {
    /// Nothing listens when this returns, and open connections are cut; or it listens again.
    pub(crate) async fn dark(&self, dark: bool) {
        self.wanted.send_replace(dark);
        if dark {
            self.cut_all();
        }
        let mut is = self.is.clone();
        // An error means that the double has ended, which is as dark as it gets.
        if is.wait_for(|is| *is == dark).await.is_ok() && dark {
            self.cut_all();
        }
    }

    pub(crate) fn cut_all(&self) {
        for cut in self.wires.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(cut) = cut.upgrade() {
                cut.cut();
            }
        }
    }
}

pub(crate) struct Line {
    address: SocketAddr,
    listener: Option<TcpListener>,
    wanted: watch::Receiver<bool>,
    is: watch::Sender<bool>,
    wires: Arc<Mutex<Vec<Weak<Cut>>>>,
}

impl Line {
    pub(crate) fn open(port: u16) -> io::Result<(Self, Switch)> {
        let listener = reserve(SocketAddr::from(([127, 0, 0, 1], port)))?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (wanted_sender, wanted) = watch::channel(false);
        let (is, is_receiver) = watch::channel(false);
        let wires = Arc::new(Mutex::new(Vec::new()));
        let switch = Switch { wanted: Arc::new(wanted_sender), is: is_receiver, wires: wires.clone() };
        Ok((Self { address, listener: Some(listener), wanted, is, wires }, switch))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port stays bound without a listener, so that nobody else gets it, until the line is wanted again.
    async fn stay_dark(&mut self) {
        self.listener = None;
        let mut held = reserve(self.address).ok();
        self.is.send_replace(true);
        while *self.wanted.borrow_and_update() {
            if self.wanted.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
        loop {
            let socket = held.take().map_or_else(|| reserve(self.address), Ok);
            match socket.and_then(|socket| socket.listen(BACKLOG)) {
                Ok(listener) => break self.listener = Some(listener),
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
        self.is.send_replace(false);
    }

    fn wire(&self, stream: TcpStream) -> Wire {
        let cut = Arc::new(Cut::default());
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        wires.retain(|wire| wire.strong_count() > 0);
        wires.push(Arc::downgrade(&cut));
        Wire { stream, cut }
    }
}

fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl axum::serve::Listener for Line {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            if *self.wanted.borrow_and_update() {
                self.stay_dark().await;
            }
            let Some(listener) = &self.listener else {
                tokio::time::sleep(AGAIN).await;
                continue;
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                    continue;
                }
            };
            match accepted {
                // Without it an answer may wait 40 ms for the client's acknowledgement.
                Ok((stream, from)) if stream.set_nodelay(true).is_ok() => return (self.wire(stream), from),
                Ok(_) => {}
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

/// Cuts one connection.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    done: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

impl Cut {
    pub(crate) fn cut(&self) {
        self.done.store(true, Ordering::SeqCst);
        if let Some(reader) = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take() {
            reader.wake();
        }
    }

    fn check(&self) -> io::Result<()> {
        match self.done.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }
}

/// A handler's way to cut the connection that it answers on.
#[derive(Debug, Clone)]
pub(crate) struct Scissors(Arc<Cut>);

impl Scissors {
    /// What is written from now on goes nowhere, and the connection closes.
    pub(crate) fn cut(&self) {
        self.0.cut();
    }
}

impl Connected<IncomingStream<'_, Line>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Line>) -> Self {
        Self(stream.io().cut.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    cut: Arc<Cut>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        *self.cut.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cut.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
