export const GET = ({ locals }) => Response.json({ subject: locals.claims.sub });
