//! The least of a client: for what a test does behind the library's back.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What a server answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Nil,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Error(String),
    List(Vec<Reply>),
}

impl Reply {
    /// The text of a string or number, lossily; of everything else its debug form.
    pub(crate) fn text(&self) -> String {
        match self {
            Reply::Text(text) => text.clone(),
            Reply::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Reply::Number(number) => number.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn list(self) -> Vec<Reply> {
        match self {
            Reply::List(list) => list,
            other => panic!("not a list: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn number(&self) -> i64 {
        match self {
            Reply::Number(number) => *number,
            other => other.text().parse().unwrap_or_else(|_| panic!("not a number: {other:?}")),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn connect(port: u16) -> std::io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Client(BufReader::new(stream)))
    }

    pub(crate) fn try_call<A: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = A>) -> std::io::Result<Reply> {
        let words: Vec<A> = words.into_iter().collect();
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in &words {
            let word = word.as_ref();
            request.extend(format!("${}\r\n", word.len()).bytes());
            request.extend(word);
            request.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&request)?;
        self.reply()
    }

    /// Sends a command, and fails the test if the server refuses it.
    #[track_caller]
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, words: impl IntoIterator<Item = A>) -> Reply {
        match self.try_call(words).unwrap() {
            Reply::Error(error) => panic!("{error}"),
            reply => reply,
        }
    }

    fn reply(&mut self) -> std::io::Result<Reply> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let rest = line[1..].trim_end().to_owned();
        let length = || rest.parse::<i64>().unwrap_or(-1);
        Ok(match line.as_bytes()[0] {
            b'+' => Reply::Text(rest),
            b'-' => Reply::Error(rest),
            b':' => Reply::Number(length()),
            b'$' if length() < 0 => Reply::Nil,
            b'$' => {
                let mut bytes = vec![0; length() as usize + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Reply::Bytes(bytes)
            }
            b'*' if length() < 0 => Reply::Nil,
            b'*' => Reply::List((0..length()).map(|_| self.reply()).collect::<Result<_, _>>()?),
            other => panic!("not RESP: {other}"),
        })
    }
}
