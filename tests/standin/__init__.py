"""Rules of the stand-in, checked through real HTTP with wechatpy as the independent peer."""
