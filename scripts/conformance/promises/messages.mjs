export const messages = []
