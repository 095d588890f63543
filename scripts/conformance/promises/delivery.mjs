export const delivery = []
