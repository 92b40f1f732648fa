//! A load generator that costs little itself: requests are bytes made beforehand, connections are kept.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// An HTTP/1.1 connection for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and gives status and body of its answer, which must say its length.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let (status, body_at, end) = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = read_head(&self.buffer) {
                break head;
            }
        };
        while self.buffer.len() < end {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok((status, &self.buffer[body_at..end]))
    }
}

/// Status, and where the body begins and ends, once the head is there.
fn read_head(buffer: &[u8]) -> Option<(u16, usize, usize)> {
    let body_at = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..body_at]).expect("a head in ASCII");
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status line");
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().expect("a length"));
    Some((status, body_at, body_at + length))
}

/// Sends all requests, `at_once` in flight, and gives how long that took. Every answer must have status 200.
pub(crate) async fn saturate(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>, at_once: usize) -> Duration {
    let next = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let workers: Vec<_> = (0..at_once)
        .map(|_| {
            let (requests, next) = (requests.clone(), next.clone());
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.expect("the server listens");
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (status, body) = connection.exchange(request).await.expect("an answer");
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("every answer is a good one");
    }
    begin.elapsed()
}

/// Sends all requests at a steady rate, whether or not earlier ones are answered, and gives how long each took, counted from
/// when it was due: a server that stalls is charged for those that had to wait.
pub(crate) async fn pace(address: SocketAddr, requests: Vec<Vec<u8>>, per_second: f64) -> Vec<Duration> {
    const CONNECTIONS: usize = 64;
    let count = requests.len();
    let (queue, due) = async_queue(count);
    let workers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let due = due.clone();
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await.expect("the server listens");
                let mut times = Vec::new();
                loop {
                    // The lock is held while waiting: one worker at a time waits for the next request.
                    let next = due.lock().await.recv().await;
                    let Some((at, request)) = next else { return times };
                    let (status, body) = connection.exchange(&request).await.expect("an answer");
                    assert_eq!(status, 200, "{}", String::from_utf8_lossy(body));
                    times.push(Instant::now().duration_since(at));
                }
            })
        })
        .collect();
    let begin = Instant::now() + Duration::from_millis(50);
    for (number, request) in requests.into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "some ten thousand requests")]
        let at = begin + Duration::from_secs_f64(number as f64 / per_second);
        tokio::time::sleep_until(at.into()).await;
        queue.send((at, request)).await.expect("workers wait");
    }
    drop(queue);
    let mut times = Vec::with_capacity(count);
    for worker in workers {
        times.extend(worker.await.expect("every answer is a good one"));
    }
    times
}

type Due = (Instant, Vec<u8>);

fn async_queue(size: usize) -> (mpsc::Sender<Due>, Arc<tokio::sync::Mutex<mpsc::Receiver<Due>>>) {
    let (queue, due) = mpsc::channel(size.max(1));
    (queue, Arc::new(tokio::sync::Mutex::new(due)))
}
