//! One connection through the proxy, from its first byte to its end.

use std::{io, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{sleep, timeout},
};

use super::{
    Protocol,
    counts::Book,
    rules::{AtByte, Direction, How, Rules, Strike},
    wire::{Answer, FromClient, FromServer, Moment, Said, Sent},
};

/// For the answer that is to be lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Of one message: more would not be a message of these protocols' clients.
const MOST_BYTES: usize = 64 << 20;
/// Kept while a connection is silent; the peer's writes wait then.
const MOST_SILENT_BYTES: usize = 4 << 20;

pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    to_server: Way<FromClient>,
    to_client: Way<FromServer>,
    rules: Arc<Rules>,
    book: Arc<Book>,
}

/// One direction: what was read and not passed on yet.
struct Way<R> {
    reader: R,
    buffer: BytesMut,
    /// So much of the buffer are messages that the reader has taken.
    taken: usize,
    /// Bytes that were passed on.
    passed: u64,
    /// Passed on up to this byte, then struck.
    limit: Option<u64>,
}

/// Why passing on stopped.
enum Stop {
    Closed,
    /// The message of this length comes after what is taken.
    Moment {
        length: usize,
        moment: Moment,
        strike: Strike,
    },
    Byte,
}

impl<R> Way<R> {
    fn new(reader: R) -> Self {
        Self { reader, buffer: BytesMut::new(), taken: 0, passed: 0, limit: None }
    }

    /// Passes on what is taken. Nothing is lost or written twice when this is dropped.
    async fn pass(&mut self, to: &mut WriteHalf<'_>) -> io::Result<()> {
        while self.taken > 0 {
            let most = self.taken.min(self.left_to_limit());
            if most == 0 {
                return Ok(());
            }
            let written = to.write(&self.buffer[..most]).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.buffer.advance(written);
            self.taken -= written;
            self.passed += written as u64;
        }
        Ok(())
    }

    fn left_to_limit(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| usize::try_from(limit - self.passed).unwrap_or(usize::MAX))
    }

    async fn read(&mut self, from: &mut ReadHalf<'_>) -> io::Result<bool> {
        if self.buffer.len() > MOST_BYTES {
            return Err(io::Error::other("a message without an end"));
        }
        Ok(from.read_buf(&mut self.buffer).await? > 0)
    }
}

impl Way<FromClient> {
    async fn run(
        &mut self,
        from: &mut ReadHalf<'_>,
        to: &mut WriteHalf<'_>,
        rules: &Rules,
        book: &Book,
    ) -> io::Result<Stop> {
        loop {
            while let Some(Sent { length, moment }) = self.reader.next(&self.buffer[self.taken..]) {
                book.sent(moment);
                if let Some(strike) = rules.at(moment) {
                    return Ok(Stop::Moment { length, moment, strike });
                }
                self.taken += length;
            }
            self.pass(to).await?;
            if self.left_to_limit() == 0 {
                return Ok(Stop::Byte);
            }
            if !self.read(from).await? {
                return Ok(Stop::Closed);
            }
        }
    }
}

impl Way<FromServer> {
    async fn run(&mut self, from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, book: &Book) -> io::Result<Stop> {
        loop {
            while let Some(Said { length, what }) = self.reader.next(&self.buffer[self.taken..]) {
                book.said(what);
                self.taken += length;
            }
            self.pass(to).await?;
            if self.left_to_limit() == 0 {
                return Ok(Stop::Byte);
            }
            if !self.read(from).await? {
                return Ok(Stop::Closed);
            }
        }
    }

    /// Reads until the server has said its word on `moment`. Nothing is passed on.
    async fn answer(&mut self, from: &mut ReadHalf<'_>, moment: Moment) -> io::Result<Option<Answer>> {
        self.buffer.advance(std::mem::take(&mut self.taken));
        loop {
            while let Some(Said { length, what }) = self.reader.next(&self.buffer) {
                self.buffer.advance(length);
                if moment.is_answered_by(what) {
                    return Ok(Some(what));
                }
            }
            if !self.read(from).await? {
                return Ok(None);
            }
        }
    }
}

impl Connection {
    pub(super) fn new(
        protocol: Protocol,
        client: TcpStream,
        server: TcpStream,
        rules: Arc<Rules>,
        book: Arc<Book>,
    ) -> Self {
        let (to_server, to_client) = (Way::new(FromClient::of(protocol)), Way::new(FromServer::of(protocol)));
        Self { client, server, to_server, to_client, rules, book }
    }

    /// Passes on until one side closes, or it is struck. Both sides are closed then.
    pub(super) async fn run(mut self) {
        let mut struck_at = self.next_byte();
        loop {
            // An error is the end of a side, as a close is.
            let stop = self.pass_on().await.unwrap_or(Stop::Closed);
            match (stop, struck_at) {
                (Stop::Closed, _) => return,
                (Stop::Moment { length, moment, strike }, _) => {
                    // A side was closed meanwhile.
                    self.strike(length, moment, strike).await.ok();
                    return;
                }
                (Stop::Byte, Some(at)) => {
                    if self.rules.reached() && !self.strike_at(at).await {
                        end(self.client, at.reset).await.ok(); // closed by itself, perhaps
                        return;
                    }
                    struck_at = self.next_byte();
                }
                (Stop::Byte, None) => struck_at = self.next_byte(),
            }
        }
    }

    /// Where it is to be struck next, counted from here.
    fn next_byte(&mut self) -> Option<AtByte> {
        let at = self.rules.of_connection();
        (self.to_server.limit, self.to_client.limit) = match at {
            Some(AtByte { direction: Direction::ToServer, bytes, .. }) => (Some(self.to_server.passed + bytes), None),
            Some(AtByte { direction: Direction::ToClient, bytes, .. }) => (None, Some(self.to_client.passed + bytes)),
            None => (None, None),
        };
        at
    }

    async fn pass_on(&mut self) -> io::Result<Stop> {
        let (mut from_client, mut to_client) = self.client.split();
        let (mut from_server, mut to_server) = self.server.split();
        tokio::select! {
            stop = self.to_server.run(&mut from_client, &mut to_server, &self.rules, &self.book) => stop,
            stop = self.to_client.run(&mut from_server, &mut to_client, &self.book) => stop,
        }
    }

    /// From here on nothing is passed on to the client: nobody but this reads from the server.
    async fn strike(self, length: usize, moment: Moment, strike: Strike) -> io::Result<()> {
        let Self { client, mut server, mut to_server, mut to_client, rules, book } = self;
        let passed_before = to_client.passed;
        match strike.how {
            How::Before => {}
            How::After | How::LoseAnswer | How::LoseAnswerOnceGiven => to_server.taken += length,
        }
        let (mut from_server, mut into_server) = server.split();
        to_server.pass(&mut into_server).await.inspect_err(|_| rules.take_back())?;
        book.note(|counts| {
            counts.cuts += 1;
            counts.of_orders += u64::from(moment == Moment::Commit { of_orders: true });
        });
        let client = match strike.how {
            How::Before | How::After => return end(client, strike.reset).await,
            How::LoseAnswer => {
                end(client, strike.reset).await.ok(); // closed by itself, perhaps
                None
            }
            How::LoseAnswerOnceGiven => Some(client),
        };
        book.note(|counts| counts.answers_lost += 1);
        let answer = timeout(ANSWER_LIMIT, to_client.answer(&mut from_server, moment)).await;
        let answer = answer.ok().and_then(Result::ok).flatten();
        book.note(|counts| {
            counts.answers_given += u64::from(answer.is_some());
            counts.committed += u64::from(answer == Some(Answer::Complete { committed: true }));
            counts.bytes_after += to_client.passed - passed_before;
        });
        match client {
            Some(client) => end(client, strike.reset).await,
            None => Ok(()),
        }
    }

    /// Cut, or silent; whether it goes on after that.
    async fn strike_at(&mut self, at: AtByte) -> bool {
        self.book.note(|counts| match at.direction {
            Direction::ToServer => counts.at_bytes_to_server += 1,
            Direction::ToClient => counts.at_bytes_to_client += 1,
        });
        if let Some(lasts) = at.silence {
            self.book.note(|counts| counts.silences += 1);
            let both_there = self.silent(lasts).await.unwrap_or(false);
            if both_there && at.goes_on {
                self.book.note(|counts| counts.went_on += 1);
                return true;
            }
        }
        self.book.note(|counts| counts.cuts += 1);
        false
    }

    /// Reads and passes on nothing; whether both sides are still there afterwards.
    async fn silent(&mut self, lasts: Duration) -> io::Result<bool> {
        let mut armed = self.rules.armed();
        let (mut from_client, _) = self.client.split();
        let (mut from_server, _) = self.server.split();
        let mut over = std::pin::pin!(sleep(lasts));
        loop {
            tokio::select! {
                () = &mut over => return Ok(true),
                // Its sender lives as long as the rules, so an error can't be.
                _ = armed.wait_for(|armed| !armed) => return Ok(true),
                there = self.to_server.read(&mut from_client), if self.to_server.buffer.len() < MOST_SILENT_BYTES => {
                    if !there? { return Ok(false) }
                }
                there = self.to_client.read(&mut from_server), if self.to_client.buffer.len() < MOST_SILENT_BYTES => {
                    if !there? { return Ok(false) }
                }
            }
        }
    }
}

/// Closes, or resets as a machine does that has forgotten the connection.
async fn end(mut client: TcpStream, reset: bool) -> io::Result<()> {
    if reset { client.set_zero_linger() } else { client.shutdown().await }
}
