export const GET = () => Response.json({ report: 'all is well' });
