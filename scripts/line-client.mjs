// The line client that the soak test and the tests build on. Imported, not run.

/** Cuts text that arrives in pieces into lines. */
export class LineCutter {
  /** The text after the last LF. */
  rest = ""
  #take

  constructor(take) {
    this.#take = take
  }

  push(text) {
    const lines = (this.rest + text).split("\n")
    this.rest = lines.pop()
    for (const line of lines) this.#take(line)
  }
}

/** Most lines are ASCII, for which Latin-1 and UTF-8 are the same. */
const decode = (line) => (/[\x80-\xff]/.test(line) ? Buffer.from(line, "latin1").toString() : line)

/** See line-client.d.mts. */
export class LineClient {
  ending = undefined
  bytesReceived = 0
  #cutter = new LineCutter((line) => this.received(decode(line)))

  constructor(socket) {
    this.socket = socket
    const end = (ending) => {
      this.ending ??= ending
      this.changed()
    }
    socket.on("data", (bytes) => {
      this.bytesReceived += bytes.length
      this.#cutter.push(bytes.latin1Slice())
      this.changed()
    })
    socket.on("end", () => {
      socket.end()
      end("end")
    })
    socket.on("error", (error) => end(error.code))
    socket.on("close", () => end("destroyed"))
  }

  get partial() {
    return this.#cutter.rest
  }

  received() {}
  changed() {}
}
