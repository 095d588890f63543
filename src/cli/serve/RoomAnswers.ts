import * as Effect from "effect/Effect"
import type { RoomOperations } from "../../rooms/RoomOperations.js"
import type { StoreError } from "../../ports/StoreError.js"
import type { ControlAnswer } from "./ControlAnswer.js"
import type { RoomRequest } from "./ControlRequest.js"

/** Carries out a request about rooms on a running server. Fails with a sentence for the operator. */
export const run = (
  operations: RoomOperations,
  request: RoomRequest
): Effect.Effect<Omit<ControlAnswer, "ok">, string> =>
  Effect.mapError(answer(operations, request), (error) => ("impossible" in error ? error.impossible : error.message))

const answer = (
  { act, create, end, list }: RoomOperations,
  request: RoomRequest
): Effect.Effect<Omit<ControlAnswer, "ok">, { readonly impossible: string } | StoreError> => {
  switch (request._tag) {
    case "ListRooms":
      return Effect.map(list, (rooms) => ({ rooms: rooms.map((room) => ({ ...room, owner: room.owner ?? null })) }))
    case "CreateRoom":
      return Effect.as(create(request.room, request.owner), { room: request.room, done: "create" })
    case "EndRoom":
      return Effect.as(end(request.room), { room: request.room, done: "remove" })
    case "ActInRoom":
      return Effect.as(act(request.verb, request.room, request.text), { room: request.room, done: request.verb })
  }
}
