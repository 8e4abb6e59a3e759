//! The file format of pprof (`profile.proto`): samples, the places they name, and a table of strings.
//!
//! Only the fields that a profile made here fills. A location is one address with its inlined calls, innermost first.

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;

/// A call, perhaps inlined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) function: String,
    pub(super) system_name: String,
    pub(super) file: String,
    pub(super) line: u32,
}

/// The calls at one address, innermost first; more than one where calls were inlined.
pub(super) type Frame = Vec<Line>;

/// A CPU profile being put together.
#[derive(Debug)]
pub(super) struct Profile {
    proto: Proto,
    period: i64,
    strings: HashMap<String, i64>,
    functions: HashMap<(String, String), u64>,
    locations: HashMap<Vec<(u64, i64)>, u64>,
    thread_key: i64,
    stacks: Vec<(String, i64)>,
}

impl Profile {
    /// An empty profile, taken at `frequency` samples per second of CPU time.
    pub(super) fn new(frequency: u32, start: &SystemTime, duration: Duration) -> Self {
        let mut profile = Self {
            proto: Proto { string_table: vec![String::new()], ..Proto::default() },
            period: 1_000_000_000 / i64::from(frequency.max(1)),
            strings: HashMap::from([(String::new(), 0)]),
            functions: HashMap::new(),
            locations: HashMap::new(),
            thread_key: 0,
            stacks: Vec::new(),
        };
        let samples = ValueType { r#type: profile.string("samples"), unit: profile.string("count") };
        let cpu = ValueType { r#type: profile.string("cpu"), unit: profile.string("nanoseconds") };
        profile.thread_key = profile.string("thread");
        profile.proto.sample_type = vec![samples, cpu];
        profile.proto.period_type = Some(cpu);
        profile.proto.period = profile.period;
        profile.proto.time_nanos = nanoseconds(start.duration_since(UNIX_EPOCH).unwrap_or_default());
        profile.proto.duration_nanos = nanoseconds(duration);
        profile
    }

    /// Adds samples of one stack, innermost frame first.
    pub(super) fn add(&mut self, thread: &str, stack: Vec<Frame>, count: i64) {
        let calls = stack.iter().rev().flat_map(|frame| frame.iter().rev());
        let folded =
            calls.fold(thread.replace(';', ":"), |line, call| line + ";" + &call.function.replace(';', ":"));
        self.stacks.push((folded, count));
        let location_id = stack.into_iter().map(|frame| self.location(frame)).collect();
        let label = vec![Label { key: self.thread_key, str: self.string(thread) }];
        self.proto.sample.push(Sample { location_id, value: vec![count, count * self.period], label });
    }

    /// One line for each stack, sorted: `thread;outermost;...;innermost count`.
    pub(super) fn folded(mut self) -> String {
        self.stacks.sort();
        self.stacks.iter().map(|(stack, count)| format!("{stack} {count}\n")).collect()
    }

    /// The file.
    pub(super) fn gzip(self) -> Vec<u8> {
        let plain = self.proto.encode_to_vec();
        let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
        // A vector takes every byte; pprof reads plain protobuf as well.
        match packed.write_all(&plain).and_then(|()| packed.finish()) {
            Ok(packed) => packed,
            Err(_) => plain,
        }
    }

    fn string(&mut self, text: &str) -> i64 {
        if let Some(index) = self.strings.get(text) {
            return *index;
        }
        let index = self.proto.string_table.len() as i64;
        self.proto.string_table.push(text.to_owned());
        self.strings.insert(text.to_owned(), index);
        index
    }

    fn location(&mut self, frame: Frame) -> u64 {
        let lines: Vec<(u64, i64)> =
            frame.into_iter().map(|line| (self.function(&line), i64::from(line.line))).collect();
        if let Some(id) = self.locations.get(&lines) {
            return *id;
        }
        let id = self.proto.location.len() as u64 + 1;
        let line =
            lines.iter().map(|(function_id, line)| LineProto { function_id: *function_id, line: *line });
        self.proto.location.push(Location { id, line: line.collect() });
        self.locations.insert(lines, id);
        id
    }

    fn function(&mut self, line: &Line) -> u64 {
        let key = (line.system_name.clone(), line.file.clone());
        if let Some(id) = self.functions.get(&key) {
            return *id;
        }
        let id = self.proto.function.len() as u64 + 1;
        let name = self.string(&line.function);
        let (system_name, filename) = (self.string(&line.system_name), self.string(&line.file));
        self.proto.function.push(Function { id, name, system_name, filename });
        self.functions.insert(key, id);
        id
    }
}

fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[derive(Clone, PartialEq, Message)]
struct Proto {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    r#type: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<LineProto>,
}

#[derive(Clone, PartialEq, Message)]
struct LineProto {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn line(function: &str, line: u32) -> Line {
        Line {
            function: function.to_owned(),
            system_name: function.to_owned(),
            file: "a.rs".to_owned(),
            line,
        }
    }

    #[test]
    fn names_each_place_once_and_keeps_inlined_calls_together() {
        let mut profile = Profile::new(100, &UNIX_EPOCH, Duration::from_secs(2));
        profile.add("worker-0", vec![vec![line("inlined", 3), line("caller", 9)], vec![line("main", 1)]], 4);
        profile.add("worker-1", vec![vec![line("main", 1)]], 1);
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(profile.gzip().as_slice()).read_to_end(&mut plain).unwrap();
        let proto = Proto::decode(plain.as_slice()).unwrap();
        assert_eq!((proto.function.len(), proto.location.len()), (3, 2));
        assert_eq!(proto.location[0].line.len(), 2);
        assert_eq!(proto.sample[0].location_id, [1, 2]);
        assert_eq!(proto.sample[1].location_id, [2]);
        assert_eq!(proto.sample[0].value, [4, 40_000_000]);
        let name = |index: i64| proto.string_table[usize::try_from(index).unwrap()].as_str();
        assert_eq!((name(0), name(proto.function[0].name)), ("", "inlined"));
        assert_eq!(name(proto.sample[1].label[0].str), "worker-1");
    }

    #[test]
    fn folds_stacks_from_the_outermost_call() {
        let mut profile = Profile::new(100, &UNIX_EPOCH, Duration::ZERO);
        profile.add("w", vec![vec![line("inlined", 3), line("caller", 9)], vec![line("main", 1)]], 4);
        assert_eq!(profile.folded(), "w;main;caller;inlined 4\n");
    }
}
