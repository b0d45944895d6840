// Rust's std::os::unix::net: blocking calls, a thread for each connection.

use std::io::{BufRead, BufReader, BufWriter, Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Instant;

const CLIENTS: usize = 100;
const WARM_UP: usize = 100;
const BUFFER_SIZE: usize = 64 * 1024;

struct Session {
    address: String,
    size: usize,
    count: usize,
}

fn report_total(start: Instant, operations: usize) {
    let nanoseconds = start.elapsed().as_nanos();
    println!("{{\"nanoseconds\": {nanoseconds}, \"operations\": {operations}}}");
}

fn failed<T>(what: &str) -> Result<T> {
    Err(Error::new(ErrorKind::Other, what))
}

fn echo(mut stream: UnixStream, size: usize) -> Result<()> {
    let mut buffer = vec![0; size];
    loop {
        match stream.read_exact(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            result => result?,
        }
        stream.write_all(&buffer)?;
    }
}

fn drive_echo(s: &Session) -> Result<()> {
    let mut stream = UnixStream::connect(&s.address)?;
    let mut buffer = vec![0; s.size];
    let mut trips = Vec::with_capacity(s.count);
    let mut last = Instant::now();
    for i in 0..WARM_UP + s.count {
        stream.write_all(&buffer)?;
        stream.read_exact(&mut buffer)?;
        let now = Instant::now();
        if i >= WARM_UP {
            trips.push((now - last).as_nanos());
        }
        last = now;
    }
    trips.sort_unstable();
    println!(
        "{{\"nanoseconds\": {}, \"operations\": {}, \"p50\": {}, \"p99\": {}}}",
        trips.iter().sum::<u128>(),
        s.count,
        trips[s.count * 50 / 100],
        trips[s.count * 99 / 100]
    );
    Ok(())
}

fn serve_stream(mut stream: UnixStream, s: &Session) -> Result<()> {
    let mut buffer = vec![0; s.size];
    let mut left = s.size * s.count;
    while left > 0 {
        match stream.read(&mut buffer)? {
            0 => return failed("the client left"),
            n => left -= n,
        }
    }
    stream.write_all(&buffer[..1])
}

fn drive_stream(s: &Session) -> Result<()> {
    let mut stream = UnixStream::connect(&s.address)?;
    let mut buffer = vec![0; s.size];
    let start = Instant::now();
    for _ in 0..s.count {
        stream.write_all(&buffer)?;
    }
    stream.read_exact(&mut buffer[..1])?;
    report_total(start, s.count);
    Ok(())
}

fn drive_connect(s: &Session) -> Result<()> {
    let mut byte = [0];
    let start = Instant::now();
    for _ in 0..s.count {
        if UnixStream::connect(&s.address)?.read(&mut byte)? != 0 {
            return failed("a byte that nobody sent");
        }
    }
    report_total(start, s.count);
    Ok(())
}

fn serve_messages(stream: UnixStream, s: &Session) -> Result<()> {
    let mut reader = BufReader::with_capacity(BUFFER_SIZE, &stream);
    let mut message = [0; 256];
    let mut sum = 0u8;
    for _ in 0..s.count {
        let size = match reader.fill_buf()?.first() {
            None => return failed("the client left"),
            Some(size) => *size as usize,
        };
        reader.consume(1);
        reader.read_exact(&mut message[..size])?;
        sum = sum.wrapping_add(message[0]);
    }
    (&stream).write_all(&[1, sum])
}

fn drive_messages(s: &Session) -> Result<()> {
    let stream = UnixStream::connect(&s.address)?;
    let mut writer = BufWriter::with_capacity(BUFFER_SIZE, &stream);
    let message = vec![1; s.size];
    let start = Instant::now();
    for _ in 0..s.count {
        writer.write_all(&[s.size as u8])?;
        writer.write_all(&message)?;
    }
    writer.flush()?;
    let mut answer = [0; 2];
    (&stream).read_exact(&mut answer)?;
    if answer != [1, s.count as u8] {
        return failed("not every message arrived");
    }
    report_total(start, s.count);
    Ok(())
}

fn serve(workload: &str, s: &Session) -> Result<()> {
    let listener = UnixListener::bind(&s.address)?;
    println!("ready");
    let accept = || listener.accept().map(|(stream, _)| stream);
    match workload {
        "echo" => echo(accept()?, s.size),
        "stream" => serve_stream(accept()?, s),
        "connect" => (0..s.count).try_for_each(|_| accept().map(drop)),
        "messages" => serve_messages(accept()?, s),
        "clients" => thread::scope(|scope| {
            for _ in 0..CLIENTS {
                let stream = accept()?;
                scope.spawn(move || echo(stream, s.size));
            }
            Ok(())
        }),
        "idle" => {
            let mut streams = Vec::new();
            loop {
                streams.push(accept()?);
            }
        }
        _ => failed("no such workload"),
    }
}

fn drive(workload: &str, s: &Session) -> Result<()> {
    match workload {
        "echo" => drive_echo(s),
        "stream" => drive_stream(s),
        "connect" => drive_connect(s),
        "messages" => drive_messages(s),
        _ => failed("no such workload"),
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |i: usize| arguments[i].parse().expect("a number");
    let session = Session { address: arguments[3].clone(), size: number(4), count: number(5) };
    match arguments[1].as_str() {
        "serve" => serve(&arguments[2], &session),
        _ => drive(&arguments[2], &session),
    }
}
