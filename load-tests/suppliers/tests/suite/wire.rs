//! One HTTP request, and how far it came.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

pub(crate) enum Got {
    Answer { status: u16, head: String, body: String },
    NotSent,
    Lost,
    Late,
}

pub(crate) async fn send(limit: Duration, method: &str, url: &str, key: &str, body: &str) -> Got {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let Ok(Ok(mut stream)) = timeout(limit, TcpStream::connect(authority)).await else { return Got::NotSent };
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nhost: {authority}\r\nx-api-key: {key}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let spoken = timeout(limit, async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut answer).await
    });
    match spoken.await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Got::Lost,
        Err(_) => return Got::Late,
    }
    let text = String::from_utf8(answer).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Got::Lost };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Got::Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}
