// quick-xml: what timer.c is for libraries in C. In a round each event is taken as it comes if the argument is "events";
// else names and attributes are taken apart and references resolved too, as in the first run, which counts.
use quick_xml::events::Event;
use quick_xml::Reader;
use std::error::Error;
use std::hint::black_box;
use std::io::{stdin, stdout, BufRead, Read, Write};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Counts {
    elements: usize,
    ends: usize,
    attributes: usize,
    octets: usize,
}

fn run(events: bool, doc: &str, seen: &mut Counts) -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::from_str(doc);
    loop {
        let event = reader.read_event()?;
        match &event {
            Event::Eof => return Ok(()),
            _ if events => {
                black_box(&event);
            }
            Event::Start(e) | Event::Empty(e) => {
                seen.elements += !e.name().as_ref().is_empty() as usize;
                seen.ends += matches!(event, Event::Empty(_)) as usize;
                for a in e.attributes() {
                    seen.attributes += !a?.unescape_value()?.is_empty() as usize;
                }
            }
            Event::End(e) => seen.ends += !e.name().as_ref().is_empty() as usize,
            Event::Text(t) => seen.octets += t.unescape()?.len(),
            Event::CData(t) => seen.octets += t.len(),
            _ => {}
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let events = std::env::args().nth(1).as_deref() == Some("events");
    let mut input = stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut doc = vec![0; line.trim().parse()?];
    input.read_exact(&mut doc)?;
    let doc = String::from_utf8(doc)?;
    let mut seen = Counts::default();
    run(false, &doc, &mut seen)?;
    println!("{} {} {} {}", seen.elements, seen.ends, seen.attributes, seen.octets);
    line.clear();
    while input.read_line(&mut line)? > 0 {
        let (begin, mut runs) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_millis(3) {
            for _ in 0..1 + runs / 4 {
                run(events, &doc, &mut seen)?;
                runs += 1;
            }
        }
        println!("{}", begin.elapsed().as_nanos() / runs as u128);
        stdout().flush()?;
        line.clear();
    }
    Ok(())
}
