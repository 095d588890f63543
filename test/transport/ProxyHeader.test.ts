import { assert, describe, it } from "@effect/vitest"
import * as Proxy from "../../src/transport/Proxy.js"
import * as ProxyHeader from "../../src/transport/ProxyHeader.js"
import { seededRandom } from "../../scripts/random.mjs"

const latin1 = (text: string) => Buffer.from(text, "latin1")

const signature = latin1("\r\n\r\n\0\r\nQUIT\n")

/** A header of version 2. */
const binary = (versionAndCommand: number, family: number, rest: ReadonlyArray<number>, length = rest.length) =>
  Buffer.concat([signature, Buffer.of(versionAndCommand, family, length >> 8, length & 255), Buffer.from(rest)])

const v4 = [192, 0, 2, 1, 198, 51, 100, 9, 0xdc, 0x04, 0x01, 0xbb]

const v6 = [
  [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  [0xff, 0xff, 0, 80]
].flat()

const tlv = [0x04, 0, 3, 1, 2, 3]

/** The extension in which a proxy says how the client uses TLS: a byte of flags, and whether a certificate is valid. */
const tls = (flags: number) => [0x20, 0, 5, flags, 0, 0, 0, 0]

const headers: ReadonlyArray<readonly [string, Buffer, { host: string; port: number } | undefined, "encrypted"?]> = [
  ["version 2, TLS", binary(0x21, 0x11, [...v4, ...tlv, ...tls(1)]), { host: "192.0.2.1", port: 56324 }, "encrypted"],
  [
    "version 2, TLS over IPv6",
    binary(0x21, 0x21, [...v6, ...tls(7)]),
    { host: "2001:db8::1", port: 65535 },
    "encrypted"
  ],
  ["version 2, no TLS", binary(0x21, 0x11, [...v4, ...tls(0)]), { host: "192.0.2.1", port: 56324 }],
  ["version 2, an empty extension", binary(0x21, 0x11, [...v4, 0x20, 0, 0]), { host: "192.0.2.1", port: 56324 }],
  ["version 2, half an extension", binary(0x21, 0x11, [...v4, 0x20, 0, 9]), { host: "192.0.2.1", port: 56324 }],
  ["version 1, IPv4", latin1("PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n"), { host: "192.0.2.1", port: 56324 }],
  ["version 1, IPv6", latin1("PROXY TCP6 2001:db8:0::1 ::1 1 443\r\n"), { host: "2001:db8::1", port: 1 }],
  ["version 1, IPv4 as IPv6", latin1("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 443\r\n"), { host: "192.0.2.1", port: 1 }],
  ["version 1, the greatest port", latin1("PROXY TCP4 1.2.3.4 1.2.3.4 65535 0\r\n"), { host: "1.2.3.4", port: 65535 }],
  ["version 1, unknown client", latin1("PROXY UNKNOWN\r\n"), undefined],
  ["version 1, unknown client, with more after it", latin1("PROXY UNKNOWN ffff::1 x y z\r\n"), undefined],
  ["version 1 of 107 bytes", latin1(`PROXY UNKNOWN ${"x".repeat(91)}\r\n`), undefined],
  ["version 2, IPv4", binary(0x21, 0x11, v4), { host: "192.0.2.1", port: 56324 }],
  ["version 2, IPv6", binary(0x21, 0x21, v6), { host: "2001:db8::1", port: 65535 }],
  ["version 2 with additions", binary(0x21, 0x11, [...v4, ...tlv]), { host: "192.0.2.1", port: 56324 }],
  ["version 2, the proxy for itself", binary(0x20, 0, []), undefined],
  ["version 2, the proxy for itself, with addresses", binary(0x20, 0x11, v4), undefined],
  ["version 2, of no family", binary(0x21, 0, tlv), undefined],
  [
    "version 2, a Unix socket",
    binary(
      0x21,
      0x31,
      Array.from({ length: 216 }, () => 65)
    ),
    undefined
  ],
  [
    "version 2, as long as it may be",
    binary(0x21, 0x11, [...v4, ...Array.from({ length: ProxyHeader.maxBytes - 28 }, () => 0)]),
    { host: "192.0.2.1", port: 56324 }
  ]
]

const wrong: ReadonlyArray<readonly [string, Buffer]> = [
  ["a login", latin1("alice\n")],
  ["a TLS handshake", Buffer.of(0x16, 3, 1)],
  ["another beginning", latin1("PROXX")],
  ["version 1 without CR", latin1("PROXY UNKNOWN\n")],
  ["version 1 of 108 bytes", latin1(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`)],
  ["version 1 without an end", latin1(`PROXY TCP4 ${"1".repeat(96)}`)],
  ["version 1 of a family that is none", latin1("PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n")],
  ["version 1 with too little", latin1("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n")],
  ["version 1 with too much", latin1("PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n")],
  ["version 1 with two blanks", latin1("PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n")],
  ["version 1 with a number above 255", latin1("PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n")],
  ["version 1 with an address of the other family", latin1("PROXY TCP4 ::1 ::1 1 1\r\n")],
  ["version 1 with the other family's", latin1("PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n")],
  ["version 1 with a zone", latin1("PROXY TCP6 fe80::1%eth0 ::1 1 1\r\n")],
  ["version 1 with a port above the greatest", latin1("PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n")],
  ["version 1 with a port that begins with 0", latin1("PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n")],
  ["version 3", binary(0x31, 0x11, v4)],
  ["version 2 with a command that is none", binary(0x22, 0x11, v4)],
  ["version 2 without room for IPv4", binary(0x21, 0x11, v4.slice(1))],
  ["version 2 without room for IPv6", binary(0x21, 0x21, v6.slice(1))],
  ["version 2 that is longer than it may be", binary(0x21, 0x11, [], ProxyHeader.maxBytes - 15)]
]

/** What it is said to be when it comes byte by byte: the first thing that is not `Incomplete`, and after how much. */
const byteByByte = (bytes: Uint8Array) => {
  for (let length = 0; length <= bytes.length; length++) {
    const parsed = ProxyHeader.parse(bytes.subarray(0, length))
    if (parsed._tag !== "Incomplete") return { parsed, length }
  }
  return { parsed: ProxyHeader.parse(bytes), length: bytes.length }
}

describe("ProxyHeader.parse", () => {
  for (const [name, bytes, source, encrypted] of headers) {
    it(`reads ${name}, and nothing after it`, () => {
      const expected: ProxyHeader.Parsed = {
        _tag: "Header",
        length: bytes.length,
        source,
        isEncrypted: encrypted !== undefined
      }
      assert.deepStrictEqual(ProxyHeader.parse(bytes), expected)
      assert.deepStrictEqual(ProxyHeader.parse(Buffer.concat([bytes, latin1("alice\nalice: hi\n")])), expected)
      assert.deepStrictEqual(byteByByte(bytes), { parsed: expected, length: bytes.length })
    })
  }

  for (const [name, bytes] of wrong) {
    it(`does not take ${name} for one`, () => {
      assert.strictEqual(ProxyHeader.parse(bytes)._tag, "Malformed")
      assert.strictEqual(byteByByte(bytes).parsed._tag, "Malformed")
    })
  }

  it("returns a value for every input, the same for every split, and waits for a bounded number of bytes", () => {
    for (let seed = 0; seed < 3_000; seed++) {
      const { below, pick } = seededRandom(seed)
      const bytes = Buffer.concat([Buffer.from(pick(headers)[1]), Buffer.from(pick(headers)[1])]).subarray(
        0,
        below(200)
      )
      for (let changes = below(4); changes > 0 && bytes.length > 0; changes--) bytes[below(bytes.length)] = below(256)
      const whole = ProxyHeader.parse(bytes)
      const { length, parsed } = byteByByte(bytes)
      if (whole._tag === "Incomplete") assert.isBelow(bytes.length, ProxyHeader.maxBytes, `seed ${seed}`)
      assert.deepStrictEqual(parsed, whole, `seed ${seed}`)
      if (parsed._tag === "Header") assert.strictEqual(parsed.length, length, `seed ${seed}`)
    }
  })
})

const inside = (range: string, host: string) => {
  const parsed = Proxy.parseRange(range)
  if (parsed === undefined) return undefined
  return Proxy.ranges([parsed]).check(host, host.includes(":") ? "ipv6" : "ipv4")
}

describe("Proxy.ranges", () => {
  const table: ReadonlyArray<readonly [string, string, boolean | undefined]> = [
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.4", false],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["0.0.0.0/0", "203.0.113.7", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["::1", "::1", true],
    ["10.0.0.0/33", "", undefined],
    ["::/129", "", undefined],
    ["10.0.0.0/", "", undefined],
    ["10.0.0/8", "", undefined],
    ["localhost", "", undefined],
    ["fe80::1%eth0", "", undefined],
    ["10.0.0.0/8/8", "", undefined]
  ]
  for (const [range, host, expected] of table) {
    it(`${range} ${expected === undefined ? "is none" : `has ${host}: ${expected}`}`, () =>
      assert.strictEqual(inside(range, host), expected))
  }
})
