// The load generator's protocols and messages. Imported, not run.
//
// All strings are strings of bytes (latin1). In one load all lines have the same length, so that a chunk of them can be
// checked without looking for line ends.

const chat = {
  login: (name) => `${name}\n`,
  send: (names, text) => `${names.join(", ")}: ${text}\n`,
  receive: (from, _names, text) => `from ${from}: ${text}\n`,
  namesReceiver: false // in a delivered line
}

/** What a peer sends and receives. `names` are the recipients of one message. */
export const wires = {
  "a-chat": chat,
  "a-chat-store": { ...chat, hasAccounts: true },
  "a-chat-tls": { ...chat, isTls: true },
  "a-chat-web": { ...chat, isWebSocket: true },
  "a-chat-web-single": { ...chat, isWebSocket: true, hasFramePerLine: true },
  "a-chat-ack": { ...chat, hello: "/hello ack\n", acknowledge: (messages) => `/ack ${messages}\n` },
  "a-chat-proxy": { ...chat, login: (name) => `PROXY TCP4 127.0.0.2 127.0.0.1 50000 8080\r\n${chat.login(name)}` },
  // A name is a subject, and the recipients of a fan-out share one: the server has less to parse than a-chat there.
  nats: {
    login: (name, isFan) => {
      const fan = isFan ? "SUB fan 2\r\n" : ""
      return `CONNECT {"verbose":false,"pedantic":false,"echo":true,"protocol":0}\r\nSUB ${name} 1\r\n${fan}`
    },
    send: (names, text) => `PUB ${names.length > 1 ? "fan" : names[0]} ${text.length}\r\n${text}\r\n`,
    receive: (_from, names, text) => {
      const subject = names.length > 1 ? "fan 2" : `${names[0]} 1`
      return `MSG ${subject} ${text.length}\r\n${text}\r\n`
    },
    namesReceiver: true,
    question: "PING\r\n", // arrives between messages, first about two seconds after the login
    answer: "PONG\r\n"
  }
}

/** A wire on which the clients of the row enter a room and write to that, if the row has one. */
export const withRoom = (wire, { room }) => {
  if (room === undefined) return wire
  return {
    ...wire,
    login: (name, isFan) => `${wire.login(name, isFan)}/join ${room}\n`,
    // A message to itself does not come back from a room.
    self: () => ({ sent: "/ping ready\n", received: "* pong: ready\n" }),
    send: (_names, text) => `${room}: ${text}\n`,
    receive: (from, _names, text) => `from ${from} ${room}: ${text}\n`
  }
}

export const nameOf = (index) => `p${String(index).padStart(5, "0")}`
export const indexOf = (name) => Number(name.slice(1))

const narrow = "abcdefghijklmnopqrstuvwxyz0123456789"
const wide = Buffer.from("éèêëìíîïðñòóôõöøùúûü").toString("latin1")
const digits = (number, count) => String(number).padStart(count, "0")

/** 4 digits of the sender, 4 of the sequence number, and filler that depends on both. */
export const textOf = (sender, sequence, { size, wide: isWide }) => {
  const pattern = isWide ? wide : narrow
  const start = ((sender * 7 + sequence) * (isWide ? 2 : 1)) % pattern.length
  const filler = pattern.slice(start) + pattern.repeat(Math.ceil(size / pattern.length))
  return digits(sender, 4) + digits(sequence, 4) + filler.slice(0, size - 8)
}

/** The sender of the text at `at` in `bytes`; not a valid number if there is no text. */
export const senderAt = (bytes, at) =>
  bytes[at] * 1000 + bytes[at + 1] * 100 + bytes[at + 2] * 10 + bytes[at + 3] - 48 * 1111

/**
 * The lines with the sequence numbers 0 to `count` - 1, and again from 0 for `more` lines, as one buffer: any run of up
 * to `more` lines is one slice. Sequence numbers count modulo `count`, which is far more than are in flight.
 */
export const ringOf = (count, more, lineOf) => {
  const lines = Array.from({ length: count }, (_, sequence) => lineOf(sequence))
  const bytes = Buffer.from(lines.concat(lines.slice(0, more)).join(""), "latin1")
  return { bytes, count, lines, length: lines[0].length }
}
