// The kinds of hostile clients that `npm run fairness` measures. Imported, not run.
//
//   title        what each client does
//   clients      their number, by default 100
//   idle         other clients that are present, named idle0, idle1, …, and `idleOptions`: how they connect
//   flood        returns a function that returns the bytes to send next; of the client with this index
//   run          instead of `flood`: whatever these clients do

/** Bytes that a client sends at once: as many as the server reads at once. */
const blockBytes = 65_536

/** The same block of lines again and again. */
const repeat = (lines) => {
  const block = Buffer.from(
    lines.repeat(Math.max(1, Math.floor(blockBytes / Buffer.byteLength(lines, "latin1")))),
    "latin1"
  )
  return () => () => block
}

/** Blocks of lines that are all different: `line` gets numbers that never repeat. */
const count = (line) => (index) => {
  let number = 0
  return () => {
    let block = ""
    while (block.length < blockBytes) block += line(`${index}-${number++}`)
    return block
  }
}

/** A line whose recipients are these many names. */
const to = (names) => `${names.join(",")}:x\n`
const many = (length, name) => Array.from({ length }, (_, i) => name(i))

/** Connects, logs in and leaves for ever, `atOnce` clients at a time. */
const churn =
  (atOnce, end) =>
  async ({ open }) => {
    let number = 0
    const visit = () => {
      const socket = open()
      socket.on("connect", () => end(socket, `visitor${number++}`))
      socket.on("close", () => setImmediate(visit))
      socket.resume()
    }
    for (let i = 0; i < atOnce; i++) visit()
  }

const text = (bytes) => "x".repeat(bytes)
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

export const kinds = {
  none: { title: "no hostile clients", clients: 0 },
  idle: { title: "10,000 clients that do nothing", clients: 0, idle: 10_000 },
  blank: { title: "blank lines", flood: repeat("\n") },
  utf8: { title: "lines that are not UTF-8", flood: repeat("\xff\n") },
  mistakes: { title: "different mistakes in turn", flood: repeat("\n:\n\xff\n/x\n/y\n\x01:x\n") },
  same: {
    title: "20,000 one-letter names, 26 of them different",
    flood: repeat(to(many(20_000, (i) => "abcdefghijklmnopqrstuvwxyz"[i % 26])))
  },
  names: { title: "13,000 different names", flood: repeat(to(many(13_000, (i) => i.toString(36)))) },
  commas: { title: "60,000 empty names", flood: repeat(`${",".repeat(60_000)}a:x\n`) },
  spaces: { title: "20,000 names of one space", flood: repeat(`${" ,".repeat(30_000)}a:x\n`) },
  absent: { title: "lines to an absent name", flood: repeat("a:\n") },
  "absent-2": { title: "lines to two absent names in turn", flood: repeat("a:\nb:\n") },
  "absent-1000": { title: "lines to 1,000 absent names", flood: repeat(to(many(1000, (i) => `absent${i}`))) },
  "absent-new": {
    title: "lines to 1,000 absent names, always different",
    flood: count((n) => to(many(1000, (i) => `a${i}-${n}`)))
  },
  labels: { title: "labels without a line", options: { greets: true }, flood: repeat("@1 \n") },
  "labels-absent": { title: "labelled lines to an absent name", options: { greets: true }, flood: repeat("@1 a:\n") },
  "labels-self": {
    title: "labelled lines to itself",
    options: { greets: true },
    flood: (index) => repeat(`@1 hostile${index}:\n`)()
  },
  unknown: { title: "an unknown command", flood: repeat("/x\n") },
  "unknown-long": { title: "unknown commands, always different", flood: count((n) => `/helq-${n}\n`) },
  "who-1000": { title: "/who with 1,000 clients present", idle: 1000, flood: repeat("/who\n") },
  "who-10000": { title: "/who with 9,000 clients present", idle: 9000, flood: repeat("/who\n") },
  "who-labelled": {
    title: "labelled /who with 9,000 clients present",
    idle: 9000,
    options: { greets: true },
    flood: repeat("@1 /who\n")
  },
  help: { title: "/help", flood: repeat("/help\n") },
  hello: { title: "/hello", flood: repeat("/hello\n") },
  "ping-large": { title: "/ping with 60 KB", flood: repeat(`/ping ${text(60_000)}\n`) },
  "too-long": { title: "lines of 66 KB", flood: repeat(`${text(66_000)}\n`) },
  routes: { title: "addresses of an absent name that never repeat", flood: count((n) => `r${n}:\n`) },
  "routes-present": {
    title: "addresses of present names that never repeat",
    idle: 1000,
    flood: count((n) => `idle${Math.abs(Number(n.split("-")[1])) % 1000},r${n}:\n`)
  },
  "present-1000": { title: "lines to 1,000 clients", idle: 1000, flood: repeat(to(many(1000, (i) => `idle${i}`))) },
  "present-new": {
    title: "lines to 1,000 clients, always another order",
    idle: 1000,
    flood: () => {
      let first = 0
      return () => to(many(1000, (i) => `idle${(i * 7 + first) % 1000}`).concat(`x${first++}`)).repeat(1)
    }
  },
  pairs: { title: "lines to itself at full speed", flood: (index) => repeat(`hostile${index}: ${text(20)}\n`)() },
  crossed: {
    title: "lines to all others in turn",
    flood: () => repeat(many(100, (i) => `hostile${i}: x\n`).join(""))()
  },
  deaf: {
    title: "/help without reading the answers",
    clients: 1000,
    options: { isDeaf: true },
    flood: repeat("/help\n")
  },
  "never-read": {
    title: "20 floods to 3,000 clients that never read",
    clients: 20,
    idle: 3000,
    idleOptions: { isDeaf: true },
    flood: (index) => repeat(many(3000, (i) => `idle${(i * 7 + index * 100) % 3000}: ${text(1000)}\n`).join(""))()
  },
  "never-read-150": {
    title: "20 floods to 3,000 clients that never read, 150 at once",
    clients: 20,
    idle: 3000,
    idleOptions: { isDeaf: true },
    flood: (index) => repeat(to(many(150, (i) => `idle${index * 150 + i}`)).replace("x", text(1000)))()
  },
  release: {
    title: "3,000 senders to a slow reader",
    clients: 3000,
    run: async ({ clients, crowd, enter, pour }) => {
      const sink = await enter("sink", { isDeaf: true })
      const senders = await crowd(clients, "hostile")
      for (const sender of senders) pour(sender, () => `sink: ${text(200)}\n`.repeat(20))
      sink.on("data", () => {
        sink.pause()
        setTimeout(() => sink.resume(), 10)
      })
      sink.resume()
    }
  },
  held: {
    title: "3,000 senders to a client that does not read",
    clients: 3000,
    run: async ({ clients, crowd, enter, pour }) => {
      await enter("sink", { isDeaf: true })
      const senders = await crowd(clients, "hostile")
      for (const sender of senders) pour(sender, () => `sink: ${text(1000)}\n`.repeat(20))
    }
  },
  churn: {
    title: "logins and departures",
    run: churn(50, (socket, name) => socket.end(`${name}\n`))
  },
  "churn-who": {
    title: "logins, each with a /who, with 9,000 clients present",
    idle: 9000,
    run: churn(50, (socket, name) => socket.end(`${name}\n/who\n`))
  },
  refused: { title: "logins that are refused", run: churn(50, (socket) => socket.write("no name\n")) },
  resets: {
    title: "connections that are reset",
    run: churn(50, (socket, name) => socket.write(`${name}\n`, () => socket.resetAndDestroy()))
  },
  notices: {
    title: "logins and departures with 1,000 subscribers to notices",
    idle: 1000,
    idleOptions: { greets: true },
    run: churn(50, (socket, name) => socket.end(`${name}\n`))
  },
  disconnects: {
    title: "3,000 clients end at once, again and again",
    run: async ({ crowd }) => {
      for (let round = 0; ; round++) {
        const sockets = await crowd(3000, `round${round}-`)
        await sleep(300)
        for (const socket of sockets) socket.destroy()
        await sleep(300)
      }
    }
  },
  "disconnects-reset": {
    title: "3,000 clients reset their connections at once, again and again",
    run: async ({ crowd }) => {
      for (let round = 0; ; round++) {
        const sockets = await crowd(3000, `round${round}-`)
        await sleep(300)
        for (const socket of sockets) socket.resetAndDestroy()
        await sleep(300)
      }
    }
  },
  quits: {
    title: "3,000 clients quit at once, again and again",
    run: async ({ crowd }) => {
      for (let round = 0; ; round++) {
        const sockets = await crowd(3000, `round${round}-`)
        await sleep(300)
        for (const socket of sockets) socket.end("/quit\n")
        await sleep(300)
      }
    }
  },
  bursts: {
    title: "3,000 clients with a few lines each at once, again and again",
    run: async ({ crowd }) => {
      const sockets = await crowd(3000, "burst")
      for (;;) {
        for (const socket of sockets) socket.write("/x\nnobody: hi\n\n".repeat(10))
        await sleep(500)
      }
    }
  },
  "disconnects-hello": {
    title: "3,000 clients that get notices end at once",
    run: async ({ crowd }) => {
      for (let round = 0; ; round++) {
        const sockets = await crowd(3000, `round${round}-`, { greets: true })
        await sleep(300)
        for (const socket of sockets) socket.destroy()
        await sleep(300)
      }
    }
  }
}
