// Mutants of names and routes. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a peer is removed by name, from both ends of its connection",
    file: "chat/Roster.ts",
    search: "if (this.byName.get(peer.name) !== peer) return",
    replace: "",
    also: {
      file: "chat/Connection.ts",
      search: 'this.peer.outbox.break("connection-lost")',
      replace:
        'this.peer.outbox.break("connection-lost"); this.broker.leave(this.peer, { reason: "connection-lost", unfinished: undefined, queued: [] })'
    }
  },
  {
    name: "the name of a disconnected peer is never freed",
    file: "chat/Sessions.ts",
    search: "this.roster.remove(peer)",
    replace: ""
  },
  {
    name: "the last route is still used after a recipient left",
    file: "chat/Routing.ts",
    search: "last.version === this.roster.version && ",
    replace: ""
  },
  {
    name: "cached routes never expire",
    file: "chat/Routing.ts",
    search: "this.routes.clear()\n",
    replace: "if (this.routesVersion > 0) { this.routesVersion = this.roster.version; return this.routes.get(head) }\n"
  },
  {
    name: "the roster changes without a new version",
    file: "chat/Roster.ts",
    search: "this.version += 1",
    replace: ""
  },
  {
    name: "a client that left in order can still be addressed",
    file: "chat/Roster.ts",
    search: "return peer?.present === true ? peer : undefined",
    replace: "return peer"
  },
  {
    name: "a block uses its cached route after a recipient left",
    file: "chat/Routing.ts",
    search: "if (route === undefined || route.version !== this.roster.version || route.absent.length > 0) return false",
    replace: "if (route === undefined || route.absent.length > 0) return false"
  },
  {
    name: "a second login with the same name is accepted",
    file: "chat/Roster.ts",
    search: "if (this.byLikeness.has(likeness)) return false",
    replace: ""
  },
  {
    name: "a connection that broke after its login line takes the name",
    file: "chat/Sessions.ts",
    search: "if (peer.gone) return // it broke off behind its login: a name is nobody's without a connection",
    replace: ""
  },
  {
    name: "lines after a refused login are read",
    file: "chat/Sessions.ts",
    search: "peer.leaving ??= reason",
    replace: 'if (reason !== "login-in-use") peer.leaving ??= reason'
  }
]
