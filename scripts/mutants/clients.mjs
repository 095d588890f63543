// Mutants of the client library. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a line counts as processed although one before it does not",
    file: "client/InOrder.ts",
    search: "      slot.isProcessed = true\n",
    replace: "      for (const one of this.slots) one.isProcessed = true\n",
    test: "test/client/feed.test.ts",
    build: true
  },
  {
    name: "a run of a feed does not begin with what was not acknowledged",
    file: "client/AcknowledgedFeed.ts",
    search: "return Stream.concat(left, Stream.repeatEffectChunkOption(next))",
    replace: "return Stream.concat(Stream.drain(left), Stream.repeatEffectChunkOption(next))",
    test: "test/client/feed.test.ts",
    build: true
  },
  {
    name: "a line of a feed is acknowledged when it is given",
    file: "client/AcknowledgedFeed.ts",
    search: "if (!Acknowledgement.isMessage(line)) {",
    replace: "if (Acknowledgement.isMessage(line)) processed()\n    else {",
    test: "test/client/feed.test.ts",
    build: true
  },
  {
    name: "a reconnecting client of an account acknowledges only what comes after its program has begun to read",
    file: "client/ReconnectingClient.ts",
    search: "ack: options.ack ?? (isOfAccount || undefined)",
    replace: "ack: options.ack",
    test: "test/client/feed.test.ts",
    build: true
  },
  {
    name: "a guest that is in a room again gets what it has sent itself",
    file: "client/RoomFeed.ts",
    search: "if (!room.isAgain || past.from !== name) items",
    replace: "items",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a guest that is in a room again does not read what it has missed",
    file: "client/RoomFeed.ts",
    search: "      this.readOn(room, place)\n      return []",
    replace: "      return this.goLive(room)",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a client asks again for a page of which nothing can be read",
    file: "client/RoomFeed.ts",
    search: "    rooms.passed(room.room, last)\n    return items",
    replace: "    return items",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a client that begins in the past learns nothing of damaged lines",
    file: "client/RoomFeed.ts",
    search: "const damaged = end?.damaged ?? []",
    replace: "const damaged: ReadonlyArray<PastReports.NumberRange> = []",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a client asks a server for ever that says that there is more, and sends nothing",
    file: "client/RoomFeed.ts",
    search: "&& after !== undefined && after > room.before",
    replace: "",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a gap of damaged lines comes after the lines that follow them",
    file: "client/RoomFeed.ts",
    search: "items.push(...this.missing(room, past.seq - 1, damaged))",
    replace: "items.push(...this.missing(room, past.seq - 1, []))",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "lines of a room that come while its past is read overtake it",
    file: "client/RoomFeed.ts",
    search: 'if (room === undefined || room.phase === "live") return this.pass(name, seq, item)',
    replace: "if (room !== undefined || seq > 0) return this.pass(name, seq, item)",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "a guest continues with the numbers of another log",
    file: "client/RoomFeed.ts",
    search: "for (const room of this.names) this.follow(room)",
    replace: "this.others.clear()",
    test: "test/client/RoomFeed.test.ts"
  },
  {
    name: "listen acknowledges lines of a room before those that are read from its past",
    file: "client/RoomFilter.ts",
    search: "      if (this.isHolding) continue\n",
    replace: "",
    test: "test/client/RoomFilter.test.ts"
  },
  {
    name: "the next page of a history begins with the last line of the page before",
    file: "client/ConversationHandle.ts",
    search: "isForward ? { after: seq,",
    replace: "isForward ? { after: seq - 1,",
    test: "test/client/requests.test.ts"
  },
  {
    name: "a program learns nothing of lines that the server cannot read",
    file: "client/ConversationHandle.ts",
    search: "damaged.length === 0 ? Effect.void",
    replace: "damaged.length >= 0 ? Effect.void",
    test: "test/client/requests.test.ts"
  },
  {
    name: "a program learns nothing of what a search could not read",
    file: "client/ConversationHandle.ts",
    search: "isDamaged ? report([], onDamaged)",
    replace: "isDamaged && text === '' ? report([], onDamaged)",
    test: "test/client/requests.test.ts"
  },
  {
    name: "a program asks a server for ever that sends the same page",
    file: "client/ConversationHandle.ts",
    search: "hasMore && end !== undefined && isFurther",
    replace: "hasMore && end !== undefined && (isFurther || end > 0)",
    test: "test/client/requests.test.ts"
  },
  {
    name: "exec acknowledges a message although its program cannot be started",
    file: "client/Bot.ts",
    search: "yield* Effect.tapError(Deferred.await(started), () => FiberSet.awaitEmpty(running))",
    replace: "yield* Effect.ignore(Deferred.await(started))",
    test: "test/client/Bot.test.ts"
  },
  {
    name: "exec acknowledges a message before its program has started",
    file: "client/Bot.ts",
    search: "Effect.tap(() => Deferred.succeed(started, true)),\n    Effect.flatMap((program)",
    replace: "Effect.flatMap((program)",
    also: {
      file: "client/Bot.ts",
      search: "return begun(message, options).pipe(",
      replace: "return Effect.zipRight(Deferred.succeed(started, true), begun(message, options)).pipe("
    },
    test: "test/client/Bot.test.ts"
  },
  {
    name: "a client accepts a last line that was cut off",
    file: "client/LineReceiver.ts",
    search: "end: () => this.done(Exit.void),",
    replace: "end: () => { for (const piece of this.framing.end()) this.take(piece, socket); this.done(Exit.void) },",
    test: "test/client/Client.test.ts"
  },
  {
    name: "a pipe passes on a last line that was cut off",
    file: "client/Pipe.ts",
    search: "for (const whole of lines.push(bytes)) take(splitter.push(whole))",
    replace: "lines.push(bytes); take(splitter.push(bytes))",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "a pipe takes an end within a line for an orderly one",
    file: "client/Pipe.ts",
    search: 'done(lines.isCut ? { _tag: "Lost", error: cutOff } : end)',
    replace: "done(end)",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "an outcome counts for a recipient that it does not name",
    file: "client/Outcomes.ts",
    search: "if (!takeAll(due, names)) {",
    replace: "due.clear()\n    if (names.length === 0) {",
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "an outcome that also names somebody else counts for its own recipient",
    file: "client/Outcomes.ts",
    search: "if (!takeAll(due, names)) {",
    replace: "if (names.filter((name) => takeOne(due, name)).length === 0) {",
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "a client takes any spelling of a number for its label",
    file: "client/Outcomes.ts",
    search: "return numberAt(line, head + prefix.length)",
    replace: 'return Number(line.slice(head + prefix.length, line.indexOf(" ", head)))',
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "an outcome that does not parse counts as written",
    file: "client/Outcomes.ts",
    search: "if (outcome === undefined) invalid(awaited)",
    replace: 'if (outcome === undefined) awaited.accept({ _tag: "Written", names: [] }, [], true)',
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "connect in a pipe trusts an end in order",
    file: "client/Pipe.ts",
    search: "const confirmed = confirmation.isGiven || !confirmation.isExpected",
    replace: "const confirmed = true",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "connect in a pipe swallows a refusal of the user's own line",
    file: "client/Confirmation.ts",
    search: "const refused = Number(number) - 1",
    replace: "const refused = this.held.length",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "connect in a pipe shows a refusal of its own ping",
    file: "client/Confirmation.ts",
    search: "const refused = Number(number) - 1",
    replace: "const refused = 0",
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "connect in a pipe hides the answer to the user's own /quit",
    file: "client/Confirmation.ts",
    search: 'if (!this.hasSeenAll || received.code !== "bye"',
    replace: 'if (received.code !== "bye"',
    test: "test/client/Pipe.test.ts"
  },
  {
    name: "the pace uses the server's whole burst without counting the greeting",
    file: "client/Pace.ts",
    search: "this.tokens = this.burst - greetingLines",
    replace: "this.tokens = this.burst",
    test: "test/client/Pace.test.ts"
  },
  {
    name: "listen acknowledges before the output has taken a message",
    file: "client/Listening.ts",
    search: "const isFree = write(lines, (error) => {",
    replace:
      'acknowledgement.add(messages)\n      const isFree = write(lines, () => {\n        const error = lines === "" ' +
      "? undefined : new Error()",
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "connect in a pipe acknowledges before the output has taken a message",
    file: "client/Pipe.ts",
    search: "const isFree = writeOutput.write(bytes, (error) => processed(error, messages))",
    replace: "processed(undefined, messages)\n      const isFree = writeOutput.write(bytes)",
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "acknowledgements count notices",
    file: "client/Acknowledgement.ts",
    search: 'line.startsWith("* sent ")',
    replace: 'line.startsWith("* ")',
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client acknowledges a line whose processing failed",
    file: "client/LineReceiver.ts",
    search: "if (isWell) this.processed()",
    replace: "this.processed()",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client acknowledges what arrived before the server's hello",
    file: "client/Listening.ts",
    search: "acknowledgement.isOn = true\n        counted = filter.handled",
    replace: "acknowledgement.isOn = true\n        counted = 0",
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "a client acknowledges nothing more when it leaves",
    file: "client/Acknowledgement.ts",
    search: "this.flush()\n    this.hasStopped = true",
    replace: "this.hasStopped = true",
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "a client that waits for messages ends its sending half, and cannot acknowledge",
    file: "client/LineConnection.ts",
    search: "return acknowledgement.isOn && !hasEnded()",
    replace: "return hasQuit && acknowledgement.isOn && !hasEnded()",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client whose program is busy says nothing, and is taken for unreachable",
    file: "client/LineReceiver.ts",
    search: "pull.handed === before) this.acknowledgement.repeat()",
    replace: "pull.handed < 0) this.acknowledgement.repeat()",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "a client counts the answer to its greeting after the messages that arrive with it",
    file: "client/LineReceiver.ts",
    search: "this.acknowledgement.add(arrival.withheld)",
    replace: "if (arrival.lines.length === 0) this.acknowledgement.add(arrival.withheld)",
    test: "test/client/acknowledgement.test.ts"
  },
  {
    name: "connect in a pipe acknowledges in the middle of a line",
    file: "client/Pipe.ts",
    search: 'acknowledgement.isPaused = !wire.endsWith("\\n")',
    replace: "",
    test: "test/client/acknowledgement-output.test.ts"
  },
  {
    name: "ask counts what follows a complete answer",
    file: "client/Answers.ts",
    search: "if (answer.isComplete) return false",
    replace: "",
    test: "test/client/Answers.test.ts"
  },
  {
    name: "a client that reconnects sends again what may have arrived",
    file: "client/LastingDelivery.ts",
    search: "connection.hasSaidBye() && fate.names.length === sentTo.length",
    replace: "true",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects takes a last line for the proof that nothing was accepted",
    file: "client/LastingDelivery.ts",
    search: "&& fate.names.length === sentTo.length",
    replace: "",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects passes the replies to its own questions on to the program",
    file: "client/WatchedConnection.ts",
    search: 'received.label === heartbeatLabel) return "part"',
    replace: "received.label === heartbeatLabel) return undefined",
    test: "test/client/ReconnectingClient.test.ts"
  },
  {
    name: "a client that reconnects sends again what had an invalid outcome",
    file: "client/LastingDelivery.ts",
    search: 'if (fate.isInvalid === true) return "final"\n',
    replace: "",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects sends to a server that shuts down",
    file: "client/LastingDelivery.ts",
    search: "connection.closing()\n",
    replace: "\n",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client that reconnects comes back before the server has asked for it",
    file: "client/WatchedConnection.ts",
    search: "returnMillis = Received.returnMillis(received)",
    replace: "returnMillis = 0",
    test: "test/client/ReconnectingClient.test.ts"
  },
  {
    name: "a client waits for the return of a server although there are others",
    file: "client/Backoff.ts",
    search: "if (untried > 0 && !hasTriedAll) {",
    replace: "if (untried > 0 && !hasTriedAll && returnMillis === undefined) {",
    test: "test/client/Reconnect.test.ts"
  },
  {
    name: "a client tries other servers again and again without a pause",
    file: "client/Backoff.ts",
    search: "            untried -= 1\n",
    replace: "",
    test: "test/client/Reconnect.test.ts"
  },
  {
    name: "a client comes back to the server that it has left",
    file: "client/Servers.ts",
    search: "order = [...Chunk.toReadonlyArray(shuffled), ...order.slice(current, current + 1)]",
    replace: "order = [...order.slice(current, current + 1), ...Chunk.toReadonlyArray(shuffled)]",
    test: "test/client/Servers.test.ts"
  },
  {
    name: "send gives up at a server that is suspended although there are others",
    file: "cli/commands/LoginAttempts.ts",
    search: "if (untried > 0 && elsewhere !== undefined && Servers.mayTake(elsewhere, error)) {",
    replace: "if (untried < 0 && elsewhere !== undefined && Servers.mayTake(elsewhere, error)) {",
    test: "test/cli/several-servers.test.ts",
    build: true
  },
  {
    name: "a server that asks for no delay makes a client reconnect without a pause",
    file: "client/Backoff.ts",
    search: "if (isReplaced) mayReplace = false",
    replace: "",
    test: "test/client/Reconnect.test.ts"
  },
  {
    name: "listen comes back before the server has asked for it",
    file: "client/Listening.ts",
    search: "closing(Received.returnMillis(received))",
    replace: "",
    test: "test/client/Listening.test.ts"
  },
  {
    name: "a bot does not learn when the server wants it back",
    file: "client/Bot.ts",
    search: "options.closing(Received.returnMillis(received))",
    replace: "return",
    test: "test/client/Bot.test.ts"
  },
  {
    name: "a client that reconnects does not wait for recipients that are not back yet",
    file: "client/Absentees.ts",
    search: "this.expected.has(name) ? Math.max(waited, this.expectedUntil) : waited",
    replace: "waited",
    test: "test/client/ReconnectingClient-delivery.test.ts"
  },
  {
    name: "a client drops the messages of a new account of the same name",
    file: "client/LastSeen.ts",
    search: "seq <= last.seq && at <= last.at",
    replace: "seq <= last.seq",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client compares numbers of different logs",
    file: "client/LastSeen.ts",
    search: "this.places.clear()\n",
    replace: "",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client takes a message for processed before it is",
    file: "client/LineReceiver.ts",
    search: "this.place = place\n",
    replace: "if (place !== undefined) this.seen?.passed(place)\n",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client does not acknowledge a repeated message",
    file: "client/LineReceiver.ts",
    search: "this.acknowledgement.add(messages)\n",
    replace: "",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a client does not acknowledge lines that came back",
    file: "client/Acknowledgement.ts",
    search: " || isReturn(line)",
    replace: "",
    test: "test/client/kept.test.ts"
  },
  {
    name: "a program may connect with a login that contains the secret",
    file: "client/Encode.ts",
    search: "if (secret.length > 0) return",
    replace: "if (false) return",
    test: "test/client/Client.test.ts"
  }
]
