//! A server on a free port of this machine, and requests to it byte by byte.

use std::{net::SocketAddr, time::Duration};

use papyra::{Event, Fact, Log, Timestamp};
use papyra_http::Service;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

/// Nothing in these tests takes so long, on any machine.
const FOR_EVER: Duration = Duration::from_secs(60);

pub(crate) struct Lab {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Lab {
    pub(crate) async fn serve(service: Service) -> Self {
        let listener = papyra_http::listen("127.0.0.1:0".parse().unwrap(), &service).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(papyra_http::serve(listener, service, async { drop(stopped.await) }));
        Lab { address, stop: Some(stop), server: Some(server) }
    }

    pub(crate) async fn of(log: &Log) -> Self {
        Lab::serve(Service::of(log.clone())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.address)).await
    }

    /// Sends this head, lacking only its end, and reads the answer.
    pub(crate) async fn ask(&self, head: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may answer and hang up before it has read everything.
        let _ = stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await;
        let mut bytes = Vec::new();
        let read = timeout(FOR_EVER, stream.read_to_end(&mut bytes)).await.expect("an answer");
        assert!(read.is_ok() || !bytes.is_empty(), "{read:?}");
        Answer::read(&bytes)
    }

    /// The server ends when it is told, whatever is under way.
    pub(crate) async fn end(mut self) {
        drop(self.stop.take());
        timeout(FOR_EVER, self.server.take().unwrap()).await.expect("the server ends").unwrap();
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body =
            if head.to_lowercase().contains("transfer-encoding: chunked") { joined(body) } else { body.to_owned() };
        Answer { status, head: head.to_owned(), body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// The chunks of a body as one.
fn joined(body: &str) -> String {
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((length, behind)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap();
        whole.push_str(&behind[..length]);
        rest = behind.get(length + 2..).unwrap_or_default();
    }
    whole
}

/// A stream of events that is being read.
pub(crate) struct Stream {
    reader: BufReader<TcpStream>,
}

/// One event: id, name, data.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: String,
}

impl Stream {
    pub(crate) async fn open(lab: &Lab, path: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(lab.address).await.unwrap();
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{last}\r\n", lab.address).as_bytes())
            .await
            .unwrap();
        let mut stream = Stream { reader: BufReader::new(stream) };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head += &stream.line().await.expect("a head");
        }
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        stream
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = timeout(FOR_EVER, self.reader.read_line(&mut line)).await.expect("a line").unwrap();
        (read > 0).then_some(line)
    }

    /// The next event; `None` at the end of the stream. Lengths of chunks and heartbeats are passed over.
    pub(crate) async fn next(&mut self) -> Option<Said> {
        let mut said = Said::default();
        loop {
            let line = self.line().await?;
            match line.trim_end_matches(['\r', '\n']).split_once(": ") {
                Some(("id", id)) => said.id = id.to_owned(),
                Some(("event", event)) => said.event = event.to_owned(),
                Some(("data", data)) => {
                    said.data = data.to_owned();
                    return Some(said);
                }
                _ => {}
            }
        }
    }
}

/// A fact that a test can tell from others by its number.
pub(crate) fn event(n: u32) -> Fact {
    Event::new(format!("t://{n}"), format!("Event{n}"))
        .at(Timestamp::from_seconds(1_700_000_000.0 + f64::from(n)).unwrap())
        .into()
}

pub(crate) async fn log_of(numbers: impl IntoIterator<Item = u32>) -> Log {
    let log = Log::memory();
    log.append(&numbers.into_iter().map(event).collect::<Vec<_>>()).await.unwrap();
    log
}
