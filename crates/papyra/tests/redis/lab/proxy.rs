//! A wire between client and server that can be cut.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use super::process::free_port;

/// What the wire does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    None,
    /// Answers are late by this much.
    Delay(Duration),
    /// After so many further bytes to the server both sides are cut off: the last request may be torn.
    CutAfter(u64),
    /// The next request arrives whole, its answer does not: then both sides are cut off. Short requests, such as those of
    /// the greeting, do not count.
    CutBeforeReply,
    /// Nothing comes back any more, and nobody is told.
    Silence,
}

/// Requests below this many bytes are no batches.
const SHORT: usize = 200;

/// Listens on a port of its own and passes on what it gets.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fault: Mutex<Fault>,
    cuts: AtomicU64,
    sent: AtomicU64,
    closed: AtomicBool,
}

impl Proxy {
    /// A wire to the server on this port.
    pub(crate) fn to(server: u16) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let shared = Arc::new(Shared {
            fault: Mutex::new(Fault::None),
            cuts: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        });
        let wire = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if wire.closed.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", server))) else { continue };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let cut = Arc::new(AtomicBool::new(false));
                for (from, to, up) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap(), true),
                    (server.try_clone().unwrap(), client.try_clone().unwrap(), false),
                ] {
                    let (wire, cut) = (wire.clone(), cut.clone());
                    thread::spawn(move || wire.pass(from, to, up, &cut));
                }
            }
        });
        Proxy { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self, options: &str) -> String {
        format!("redis://127.0.0.1:{}/0?{options}", self.port)
    }

    /// From now on.
    pub(crate) fn set(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// How often it was cut.
    pub(crate) fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Bytes that went to the server.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn pass(&self, mut from: TcpStream, mut to: TcpStream, up: bool, cut: &AtomicBool) {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read) = from.read(&mut buffer) {
            if read == 0 || cut.load(Ordering::SeqCst) {
                break;
            }
            let fault = *self.fault.lock().unwrap();
            let mut pass = read;
            let mut ends = false;
            match fault {
                Fault::CutAfter(left) if up => {
                    ends = left < read as u64;
                    pass = pass.min(left as usize);
                    self.set_next(if ends { Fault::None } else { Fault::CutAfter(left - read as u64) });
                }
                Fault::CutBeforeReply if up && read >= SHORT => {
                    // The server gets it, and nobody hears what it says.
                    cut.store(true, Ordering::SeqCst);
                    self.set_next(Fault::None);
                    self.cuts.fetch_add(1, Ordering::SeqCst);
                }
                Fault::Delay(time) if !up => thread::sleep(time),
                Fault::Silence if !up => continue,
                _ => {}
            }
            if to.write_all(&buffer[..pass]).is_err() {
                break;
            }
            if up {
                self.sent.fetch_add(pass as u64, Ordering::SeqCst);
            }
            if ends {
                self.cuts.fetch_add(1, Ordering::SeqCst);
                break;
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }

    fn set_next(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}
