import { assert, describe, it } from "@effect/vitest"
import { EventEmitter } from "node:events"
import type { ServerResponse } from "node:http"
import { MessageStream } from "../../src/http/MessageStream.js"

const nothing = () => {}

/** A stream, and what it does to the chat. */
const opened = () => {
  const acknowledged: Array<number> = []
  const connection = {
    pause: nothing,
    resume: nothing,
    break: nothing,
    acknowledge: (n: number) => acknowledged.push(n)
  }
  return { stream: new MessageStream("id", connection, nothing), acknowledged }
}

/** What the client of a stream gets on one response. */
class PlayedResponse extends EventEmitter {
  text = ""

  writeHead() {}

  write(text: string) {
    this.text += text
    return true
  }

  end() {}

  /** The events: their numbers, and their texts or types. */
  get events() {
    const events = [...this.text.matchAll(/^id: id\.(\d+)\n(?:event: (\S+)\n)?(?:data: .*?"text":"([^"]*)")?/gmu)]
    return events.map(([, id, type, text]) => `${id} ${text ?? type ?? ""}`.trim())
  }
}

/** Another response to the client of a stream. */
const attached = (stream: MessageStream) => {
  const response = new PlayedResponse()
  stream.attach(response as unknown as ServerResponse) // what the stream uses of one
  return response
}

const line = (text: string) => `from bob #ops seq=1 at=1764000000000: ${text}`

describe("MessageStream", () => {
  it("numbers events over all responses, and gives again those that were not shown", () => {
    const { stream } = opened()
    const first = attached(stream)
    stream.take([line("a"), line("b")])
    stream.take([line("c")])
    assert.deepStrictEqual(first.events, ["1 a", "2 b", "3 c"])
    stream.shown(1)
    assert.deepStrictEqual(attached(stream).events, ["2 b", "3 c"])
    stream.shown(3)
    const last = attached(stream)
    stream.take([line("d")])
    assert.deepStrictEqual(last.events, ["4 d"])
    stream.close()
  })

  it("acknowledges messages, whatever number the client shows, and no other events", () => {
    const { acknowledged, stream } = opened()
    attached(stream)
    stream.take([line("a"), "* closing grace=1000 return=500: soon", line("b")])
    stream.shown(0)
    stream.shown(2)
    stream.shown(1)
    assert.deepStrictEqual(acknowledged, [1])
    stream.shown(1_000_000)
    assert.deepStrictEqual(acknowledged, [1, 2])
    stream.take([line("c")])
    assert.deepStrictEqual(attached(stream).events, ["4 c"])
    stream.close()
  })
})
