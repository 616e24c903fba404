//! HTTP/1.1, as much of it as a merchant needs: requests with a length, answers, and what is no answer.

use std::io::{self, BufRead, ErrorKind, Read as _, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

/// The longest head and body that are read, in bytes.
const MOST_HEAD: u64 = 64 * 1024;
const MOST_BODY: usize = 1024 * 1024;

/// A request.
pub(super) struct Request {
    pub(super) path: String,
    pub(super) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What came on a connection.
pub(super) enum Read {
    Request(Request),
    /// Nothing more comes.
    End,
    /// Something that is not taken, and the status that says so.
    Wrong(u16),
}

/// A stream that is read until the other end closes it, or all is over.
pub(super) struct Patient<'a> {
    stream: TcpStream,
    is_over: &'a AtomicBool,
}

impl<'a> Patient<'a> {
    /// The stream must have a time after which a read without bytes returns.
    pub(super) fn new(stream: TcpStream, is_over: &'a AtomicBool) -> Self {
        Self { stream, is_over }
    }
}

impl io::Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if self.is_over.load(Ordering::SeqCst) {
                        return Ok(0);
                    }
                }
                read => return read,
            }
        }
    }
}

/// Reads the next request.
pub(super) fn read(reader: &mut impl BufRead) -> io::Result<Read> {
    let mut lines = Vec::new();
    let mut head = reader.by_ref().take(MOST_HEAD);
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Ok(match head.limit() {
                0 => Read::Wrong(431),
                _ => Read::End,
            });
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let Some(target) = first.split(' ').nth(1) else {
        return Ok(Read::Wrong(400));
    };
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_owned(), value.trim().to_owned()))
    });
    let mut request = Request {
        path,
        body: Vec::new(),
        headers: headers.collect(),
    };
    if request.header("Transfer-Encoding").is_some() {
        return Ok(Read::Wrong(411));
    }
    let length = request.header("Content-Length").unwrap_or("0").parse();
    match length {
        Err(_) => return Ok(Read::Wrong(400)),
        Ok(length) if length > MOST_BODY => return Ok(Read::Wrong(413)),
        Ok(length) => request.body = vec![0; length],
    }
    reader.read_exact(&mut request.body)?;
    Ok(Read::Request(request))
}

/// Answers with a status, further headers, and a body of JSON.
pub(super) fn answer(
    writer: &mut impl Write,
    status: u16,
    headers: &[(&str, String)],
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let mut answer = format!("HTTP/1.1 {status} Said\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        answer.push_str(&format!("{name}: {value}\r\n"));
    }
    answer.push_str(&format!("Content-Type: application/json\r\n\r\n{body}"));
    writer.write_all(answer.as_bytes())
}

/// Says something that is not HTTP, and closes.
pub(super) fn babble(writer: &mut impl Write) -> io::Result<()> {
    writer.write_all(b"\x00\x01 no such thing as an answer \xff\r\n\r\n")
}

/// Holds a connection until the other end closes it.
pub(super) fn hold(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let read = reader.fill_buf()?.len();
        if read == 0 {
            return Ok(());
        }
        reader.consume(read);
    }
}
