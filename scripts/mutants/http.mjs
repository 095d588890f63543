// Mutants of the HTTP door and its webhooks. Read by main.mjs, which explains the fields.
const door = "test/http/door.test.ts"
const send = "test/http/send.test.ts"
const listen = "test/http/listen.test.ts"
const port = "test/http/web-port.test.ts"
const rates = "test/http/rates.test.ts"
const hooks = "test/http/hooks.test.ts"

export const mutants = [
  {
    name: "a request whose connection to the chat has ended took too long",
    file: "http/SendRequest.ts",
    search: 'Effect.orElseSucceed(without("lost"))',
    replace: 'Effect.orElseSucceed(without("late"))',
    test: send
  },
  {
    name: "a line that comes too fast after the login of its request is refused",
    file: "http/SendRequest.ts",
    search: "session.hasSent ? 0 : furtherTries",
    replace: "0",
    test: rates
  },
  {
    name: "a request whose login comes too fast is refused",
    file: "http/ChatSession.ts",
    search: "if (!answer.isGreeted || !pace",
    replace: "if (answer.isGreeted || !pace",
    test: rates
  },
  {
    name: "a stream enters one room of those that came too fast",
    file: "http/ListenConnection.ts",
    search: "if (this.tooFast.length > 0 && this.timer === undefined)",
    replace: "if (this.tooFast.length < 0)",
    test: rates
  },
  {
    name: "a page of another site may send, if its browser says only where it comes from",
    file: "http/CrossSite.ts",
    search: 'return site === "same-origin" || site === "none" ? "own" : "other"',
    replace: 'return "own"',
    test: door
  },
  {
    name: "a name in the URL may be a name and its password",
    file: "http/Identity.ts",
    search: ' && !login.includes(":")',
    replace: "",
    test: send
  },
  {
    name: "the session of a connection is used for whoever sends over it next",
    file: "http/ChatSessions.ts",
    search: "if (kept.key === keyOf(user) && ",
    replace: "if (",
    test: send
  },
  {
    name: "the session of a request never ends",
    file: "http/ChatSession.ts",
    search: "Effect.forkScoped(Effect.interruptible(Effect.ignore(Stream.runDrain(connection.lines))))",
    replace: "Effect.forkScoped(Effect.ignore(Stream.runDrain(connection.lines)))",
    test: send
  },
  {
    name: "a guest makes a room by writing to it",
    file: "http/ChatSession.ts",
    search: "if (members === 0 && !session.isAccount) {",
    replace: "if (members < 0) {",
    test: send
  },
  {
    name: "all requests with a key have the same labels",
    file: "http/SendRequest.ts",
    search: ".update(key).digest(",
    replace: '.update("").digest(',
    test: send
  },
  {
    name: "an event that was written counts as shown",
    file: "http/MessageStream.ts",
    search: "    this.write(this.textFrom(before))\n",
    replace: "    this.write(this.textFrom(before))\n    this.shown(Infinity)\n",
    test: listen
  },
  {
    name: "a stream continues with the events that were not shown left out",
    file: "http/MessageStream.ts",
    search: "${this.textFrom(0)}",
    replace: "",
    test: listen
  },
  {
    name: "events have other ids when they are sent again",
    file: "http/MessageStream.ts",
    search: "${this.shownNumber + at + 1}",
    replace: "${this.shownNumber + at - place + 1}",
    test: "test/http/MessageStream.test.ts"
  },
  {
    name: "a stream acknowledges events that count for nothing",
    file: "http/MessageStream.ts",
    search: "if (event.isCounted) this.shownMessages += 1",
    replace: "this.shownMessages += 1",
    test: "test/http/MessageStream.test.ts"
  },
  {
    name: "the admin port uses descriptors that are set aside for the chat",
    file: "cli/serve/ServerProgram.ts",
    search: "maxConnections: allowed.admin",
    replace: "maxConnections: maxAdminConnections",
    test: "test/faults/descriptors.test.ts",
    build: true
  },
  {
    name: "whoever knows the id of an event continues the stream",
    file: "http/ListenRequest.ts",
    search: " || !timingSafeEqual(kept.owner, ownerOf(job))",
    replace: "",
    test: listen
  },
  {
    name: "a request that others can read uses the session of one that nobody could",
    file: "http/ChatSessions.ts",
    search: "`${host}\\n${isPrivate}\\n${hook}",
    replace: "`${host}\\n${hook}",
    test: door
  },
  {
    name: "streams that were left keep all others out",
    file: "http/ListenRequest.ts",
    search: " && !this.makeRoom()",
    replace: "",
    test: listen
  },
  {
    name: "a request may have any number of lines to any number of names",
    file: "http/Routes.ts",
    search: "if (isTooMuch) return yield* tooMany",
    replace: "void isTooMuch",
    test: door
  },
  {
    name: "an answer that nobody reads is kept",
    file: "transport/HttpLimits.ts",
    search: 'else response.on("prefinish", start)',
    replace: "",
    test: "test/server/websocket-upgrade.test.ts"
  },
  {
    name: "a connection becomes a WebSocket while an answer is awaited",
    file: "transport/WebSocket.ts",
    search: "if (awaited !== undefined) return void this.answers.endAfter(socket, awaited)",
    replace: "",
    test: "test/server/websocket-upgrade.test.ts"
  },
  {
    name: "requests that come at once are carried out at once",
    file: "transport/HttpLimits.ts",
    search: "if (awaited !== undefined) {",
    replace: "if (false) {",
    test: "test/server/web-requests.test.ts"
  },
  {
    name: "a request that is malformed is answered in place of the one before it",
    file: "transport/HttpFaults.ts",
    search: "if (awaited?.req.complete === true) return void answers.endAfter(socket, awaited)",
    replace: "",
    test: "test/server/web-requests.test.ts"
  },
  {
    name: "a connection whose upgrade has to wait does not count",
    file: "transport/WebSocket.ts",
    search: "    // A second request before the answer to the first: both answers would be on one connection.\n",
    replace: "    this.room.forget(socket)\n",
    test: "test/server/websocket-upgrade.test.ts"
  },
  {
    name: "the cache of events keeps alive the reads that its lines were cut from",
    file: "http/EventStream.ts",
    search: "recent.set(Wire.copy(wire), made)",
    replace: "recent.set(wire, made)",
    test: "test/http/EventStream.test.ts"
  },
  {
    name: "a connection whose upgrade has to wait stays after the server",
    file: "transport/WebSocket.ts",
    search: "    this.room.closeAnswering()\n",
    replace: "",
    test: "test/server/web-requests.test.ts"
  },
  {
    name: "a CONNECT is answered in place of the request before it",
    file: "transport/HttpFaults.ts",
    search: "if (awaited !== undefined) return void answers.endAfter(socket, awaited)",
    replace: "",
    test: "test/server/web-requests.test.ts"
  },
  {
    name: "a client that resets its connection after an upgrade that has to wait ends the server",
    file: "transport/WebSocket.ts",
    search: 'socket.on("error", () => {})',
    replace: "",
    test: "test/server/web-requests.test.ts"
  },
  {
    name: "one client takes all connections that come through a proxy",
    file: "transport/WebSocket.ts",
    search: "hostOf: (socket) => this.carrierOf(socket).remote.host",
    replace: 'hostOf: (socket) => socket.remoteAddress ?? ""',
    test: port
  },
  {
    name: "a session ends with its HTTP connection, although outcomes are under way",
    file: "http/ChatSessions.ts",
    search: '    http.off("close", kept.onClosed)\n    if (kept.users === 0) this.close(kept)',
    replace: '    http.off("close", kept.onClosed)\n    this.close(kept)',
    test: send
  },
  {
    name: "a key that was used for other lines is refused only by the chat",
    file: "http/Routes.ts",
    search: "key !== undefined && session.isAccount && !keys.take(",
    replace: "key !== undefined && false && !keys.take(",
    test: send
  },
  {
    name: "a request that could not be sent uses up its key",
    file: "http/Routes.ts",
    search:
      "      Effect.zipRight(\n        ChatSession.enterRooms(session, recipients, mayJoin),\n        // After the " +
      "login",
    replace:
      "      Effect.zipRight(\n" +
      "        Effect.zipRight(\n" +
      "          Effect.sync(() => key === undefined || keys.take({ key, head, texts, login: identity.login })),\n" +
      "          ChatSession.enterRooms(session, recipients, mayJoin)\n" +
      "        ),\n" +
      "        // After the login",
    test: send
  },
  {
    name: "one account makes the server forget the keys of all others",
    file: "http/IdempotencyKeys.ts",
    search: "if (its.size > requests.size) [account",
    replace: "if (requests.size === 0) [account",
    test: "test/http/IdempotencyKeys.test.ts"
  },
  {
    name: "the time of an answer shows which webhooks there are",
    file: "http/Hooks.ts",
    search: "const hasSignature = HookSignature.isSigned(",
    replace: 'const hasSignature = proof?.by === "signature" && HookSignature.isSigned(',
    test: hooks
  },
  {
    name: "no descriptors are set aside for HTTP",
    file: "cli/serve/LimitFlags.ts",
    search: "const leftForChat = left - http",
    replace: "const leftForChat = left",
    test: "test/cli/LimitFlags.test.ts",
    build: true
  },
  {
    name: "requests take any amount of memory",
    file: "http/RequestMemory.ts",
    search: "if (bytes > this.account.share) return false",
    replace: "",
    test: port
  },
  {
    name: "the memory of a request is never released",
    file: "http/RequestMemory.ts",
    search: "this.account.use(-this.used)",
    replace: "",
    test: port
  },
  {
    name: "outcomes that a request waits for count as no memory",
    file: "http/Routes.ts",
    search: "if (!memory.take(needed)) return yield* HttpRefusal.noMemory",
    replace: "void needed",
    test: port
  },
  {
    name: "a stream is continued with another certificate",
    file: "http/ListenRequest.ts",
    search: "\\n${certificate}\\n",
    replace: "\\n",
    test: port
  },
  {
    name: "a client with a certificate has to say its name as well",
    file: "http/Routes.ts",
    search: "Identity.of(request.headers, from, client.identity ?? Identity.anonymous)",
    replace: "Identity.of(request.headers, from, Identity.anonymous)",
    test: port
  },
  {
    name: "lines are written before the socket of the response took them",
    file: "http/LineStream.ts",
    search: "      if (error === null || error === undefined) this.socket.confirm(bytes)\n    })",
    replace: "      void error\n    })\n    this.socket.confirm(bytes)",
    test: listen
  },
  {
    name: "a signature is checked only if there is one",
    file: "http/HookSignature.ts",
    search: "given.some((one) => one.length === expected.length && timingSafeEqual(one, expected))",
    replace: "given.every((one) => one.length === 0 || timingSafeEqual(one, expected))",
    test: hooks
  },
  {
    name: "a signed delivery can be sent again for ever",
    file: "http/HookSignature.ts",
    search: "isSame && !isOld",
    replace: "isSame",
    test: hooks
  },
  {
    name: "the timestamp of Grafana can be sent as the beginning of the body",
    file: "http/HookSignature.ts",
    search: '? undefined : ""',
    replace: '? "" : ""',
    test: hooks
  },
  {
    name: "the beginning of a signed body can be sent as the end of its timestamp",
    file: "http/HookSignature.ts",
    search: '/^\\d+$/u.test(timestamp ?? "")',
    replace: "timestamp !== undefined",
    test: hooks
  },
  {
    name: "the payload of a webhook decides where the line ends",
    file: "http/HookTemplate.ts",
    search: '.replaceAll(/[\\0-\\x20\\x7f-\\xa0\\u2028\\u2029\\s]+/gu, " ")',
    replace: "",
    test: "test/http/HookTemplate.test.ts"
  },
  {
    name: "a client at another address takes the name of a guest whose stream ends",
    file: "http/ListenRequest.ts",
    search: "if (host !== job.host || stream",
    replace: "if (stream",
    test: "test/http/listen.test.ts"
  },
  {
    name: "the description of the door does not know damaged lines",
    file: "http/OpenApi.ts",
    search:
      '    damaged: { ...list(object({ first: number, last: number })), description: "Lines that the server cannot ' +
      'read" },\n',
    replace: "",
    test: "test/http/OpenApi.test.ts"
  }
]
