//! Policies that are small and valid but expensive to compile: a working policy with additional
//! functions that are never called.

const FUNCTION_SECTION: u8 = 3;
const CODE_SECTION: u8 = 10;
/// Opcodes.
const BLOCK_WITHOUT_RESULT: u8 = 0x40;
const LOOP: u8 = 0x03;
const END: u8 = 0x0b;
const UNREACHABLE: u8 = 0x00;
const BR_IF: u8 = 0x0d;
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const I32_CONST: u8 = 0x41;
const I32_ADD: u8 = 0x6a;
const I32: u8 = 0x7f;

/// Returns the policy with thousands of functions of moderate size, which take minutes to compile.
///
/// # Panics
/// Panics if `module` is not a core module.
pub fn slow_to_compile(module: &[u8]) -> Vec<u8> {
    // Loads, multiplications and stores, which an optimiser cannot remove.
    let step = b"\x41\x00\x41\x00\x29\x03\x00\x41\x08\x29\x03\x00\x7e\x37\x03\x00";
    let mut body = vec![0];
    (0..600).for_each(|_| body.extend(step));
    with_functions(module, body, 4_000)
}

/// Returns the policy with one function of 40,000 locals and 1,000 nested loops, which takes
/// gigabytes of memory to compile, because each loop may change each local.
///
/// # Panics
/// Panics if `module` is not a core module.
pub fn hungry_to_compile(module: &[u8]) -> Vec<u8> {
    const LOCALS: u64 = 40_000;
    const LOOPS: usize = 1_000;
    let mut body = [number(1), number(LOCALS), vec![I32]].concat();
    (0..LOOPS).for_each(|_| body.extend([LOOP, BLOCK_WITHOUT_RESULT]));
    for local in 0..LOCALS {
        let get = [vec![LOCAL_GET], number(local), vec![I32_CONST, 1, I32_ADD]].concat();
        body.extend([get, vec![LOCAL_SET], number(local)].concat());
    }
    (0..LOOPS).for_each(|_| body.extend([LOCAL_GET, 0, BR_IF, 0, END]));
    with_functions(module, body, 1)
}

/// Adds functions to a module. They trap at their end, so that they match every type.
fn with_functions(module: &[u8], mut body: Vec<u8>, count: u64) -> Vec<u8> {
    body.extend([UNREACHABLE, END]);
    let body = [number(body.len() as u64), body].concat();
    let (header, mut rest) = module.split_at(8);
    let mut out = header.to_vec();
    while let Some((&section, after)) = rest.split_first() {
        let (length, contents) = read_number(after);
        let (contents, after) = contents.split_at(length as usize);
        rest = after;
        let contents = match section {
            FUNCTION_SECTION => with_more(contents, &number(0), count),
            CODE_SECTION => with_more(contents, &body, count),
            _ => contents.to_vec(),
        };
        out.push(section);
        out.extend(number(contents.len() as u64));
        out.extend(contents);
    }
    out
}

/// Appends `count` items to a list.
fn with_more(list: &[u8], item: &[u8], count: u64) -> Vec<u8> {
    let (had, items) = read_number(list);
    let mut out = number(had + count);
    out.extend(items);
    (0..count).for_each(|_| out.extend(item));
    out
}

/// Encodes a number in LEB128, as WebAssembly does.
fn number(mut value: u64) -> Vec<u8> {
    let mut octets = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            octets.push(low);
            return octets;
        }
        octets.push(low | 0x80);
    }
}

#[allow(clippy::panic, reason = "for tests only")]
fn read_number(octets: &[u8]) -> (u64, &[u8]) {
    let mut value = 0;
    for (position, octet) in octets.iter().enumerate() {
        value |= u64::from(octet & 0x7f) << (7 * position);
        if octet & 0x80 == 0 {
            return (value, octets.get(position + 1..).unwrap_or_default());
        }
    }
    panic!("a number ends in the module");
}
