// Clients that stay and write to each other all the time, in typical patterns. Imported, not run.
import { Client } from "./client.mjs"

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** How many messages of one client may be unsettled. */
const window = 200

/**
 * `to` returns the recipients of a member's next message, as numbers; `burst` is the number of messages every 10 ms.
 */
const shapes = [
  { title: "10 pairs", size: 20, burst: 3, to: (i) => [i ^ 1] },
  { title: "20 to 1", size: 21, burst: 2, to: (i) => (i === 0 ? undefined : [0]) },
  { title: "1 to 20", size: 21, burst: 3, to: (i, _random, all) => (i === 0 ? all.slice(1) : undefined) },
  { title: "mesh of 10", size: 10, burst: 3, to: (_i, random) => some(random, 10) },
  { title: "labelled mesh of 8", size: 8, burst: 1, isLabelled: true, to: (_i, random) => some(random, 8) }
]

const some = ({ below }, size) => [...new Set(Array.from({ length: 1 + below(3) }, () => below(size)))]

const room = (shape, index) => ({
  title: shape.title,
  async run(world) {
    const { book, random } = world
    const names = Array.from({ length: shape.size }, (_, i) => `room${index}-${i}`)
    const numbers = [...names.keys()]
    const clients = names.map((name) => {
      book.recipient(name)
      book.sender(name)
      return new Client(world, name)
    })
    await Promise.all(clients.map((client) => client.login()))
    if (shape.isLabelled) await Promise.all(clients.map((client) => client.greet()))
    let sent = 0
    while (!world.isOver()) {
      // Now and then a larger burst.
      const burst = shape.burst * (random.below(200) === 0 ? 50 : 1)
      for (const [i, client] of clients.entries()) {
        for (let left = burst; left > 0 && client.isFree && book.underWay(client.name) < window; left--) {
          const to = shape.to(i, random, numbers)
          if (to === undefined) break
          const size = random.below(50) === 0 ? random.below(4_000) : random.below(120)
          client.message(
            to.map((number) => names[number]),
            { isLabelled: shape.isLabelled, size }
          )
          sent += 1
        }
      }
      await pause(10)
    }
    // No member may leave before it has received everything.
    await world.settled()
    for (const name of names) book.leave(name)
    await Promise.all(clients.map((client) => client.leave()))
    return { sent }
  }
})

export const rooms = shapes.map(room)
