export const shutdown = []
